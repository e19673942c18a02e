from lib.registry import NAMES

total = 0
NAMES.append(__name__)


class Thing:
    pass


def bump():
    global total
    total += 1
    return total
