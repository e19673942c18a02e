"""A radius -> the area of a circle."""

from math import pi


def area(radius: float) -> float:
    """Radius -> area; π in the text, so that a byte is not a letter."""
    return pi * radius**2
