NAME = "my token"
