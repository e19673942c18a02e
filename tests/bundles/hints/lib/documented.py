"""A module whose examples run, one of them wrongly.

>>> add(1, 2)
3
"""


def add(x, y):
    """
    >>> add(2, 2)
    5
    """
    return x + y
