from ..words import HELLO


def area(radius):
    return f"{HELLO} {3 * radius * radius}"
