NAME = "a late one"
print(NAME)
