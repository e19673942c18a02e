import os
import signal
import sys


def end(how):
    if how == "text":
        sys.exit("a message on stderr")
    if how == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "assert":
        assert not how, "asserted"
        print("assertions are off", end.__doc__, __debug__)
    if how == "abrupt":
        os._exit(9)
    sys.exit(int(how) if how.isdigit() else None)
