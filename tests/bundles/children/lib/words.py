WORD = "run"
