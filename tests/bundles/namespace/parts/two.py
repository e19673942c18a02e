from . import one

NAME = "two after " + one.NAME
