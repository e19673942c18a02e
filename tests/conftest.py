"""What every test session needs before its first test."""

import signal


def pytest_configure() -> None:
    """A shell that runs the tests in the background has them ignore Ctrl-C; some tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
