NAME = "my string"
