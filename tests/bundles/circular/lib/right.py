import lib.left

NAME = "right"


def describe():
    return lib.left.NAME, lib.left.PARTNER
