NAME = "dunder"
