from ... import words
from .. import circle as round_one


def path():
    return __name__, __package__, words.HELLO, round_one.__name__
