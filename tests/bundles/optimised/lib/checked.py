"""The module's docstring."""


def check(value):
    """A function's docstring."""
    try:
        assert value, "refused"
    except AssertionError as error:
        return str(error)
    return "taken"
