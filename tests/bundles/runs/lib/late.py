NAME = "imported elsewhere"
