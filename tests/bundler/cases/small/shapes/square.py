"""A side -> the area of a square."""


def area(side: float) -> float:
    """Side -> area."""
    return side * side
