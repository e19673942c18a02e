"""Shapes."""


def mark(function):
    function.marked = True
    return function


def area(width, height=2):
    """Width and height -> area."""
    text = """
  a string
of three lines
"""
    return width * height, text


class Shape:
    class Inner:
        pass

    def name(self):

        return "shape"


@mark
def decorated():
    return lambda: 5
