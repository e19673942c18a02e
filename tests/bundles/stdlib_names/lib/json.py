from json import dumps

NAME = __name__
