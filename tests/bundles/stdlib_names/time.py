NAME = "never imported: time is built in"
