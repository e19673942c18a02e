def choice(items):
    return f"my choice of {items}"
