import logging
import sys

log = logging.getLogger(__name__)


def fail():
    raise ArithmeticError(
        "in a thread"
    )


def quit_quietly():
    sys.exit(3)


class Caught:
    def __init__(self):
        try:
            fail()
        except ArithmeticError as error:
            self.error = error

    def log(self):
        log.warning("of %s", __name__)
        log.error("with it", exc_info=self.error)
