VALUE = "one"
COUNT = 0


def helper():
    return f"helper of {VALUE}"


def bump():
    global COUNT
    COUNT += 1


class Item:
    def get(self):
        return VALUE
