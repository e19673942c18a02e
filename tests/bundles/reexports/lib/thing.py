class Thing:
    name = "thing"


def make():
    return Thing()
