from lib.deeper import inner


def outer(number):
    if number:
        return outer(number - 1)
    return inner({"a": (1,
                        2)})
