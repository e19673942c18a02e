"""An exception that nobody catches, through modules and with a cause."""

from lib.fails import outer


def run():
    try:
        outer(3)
    except ValueError as error:
        raise RuntimeError("in the entry") from error


if __name__ == "__main__":
    print("before", flush=True)
    run()
