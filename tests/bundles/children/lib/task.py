import sys

from lib.words import WORD


def run(what):
    return f"{WORD} {what}"


if __name__ == "__main__":
    print(run(sys.argv[1:]))
    if "fail" in sys.argv:
        raise ValueError("as asked")
    sys.exit(len(sys.argv))
