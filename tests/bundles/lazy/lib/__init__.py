print("lib is loaded")
