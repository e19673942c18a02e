RAN = __name__
print("package runs as", __name__, __package__)
