NAME = "my queue"
