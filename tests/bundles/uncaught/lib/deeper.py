def inner(value):
    try:
        return value["a"][0] / 0
    except ZeroDivisionError:
        error = ValueError("below", value)
        error.add_note("a note")
        raise error
