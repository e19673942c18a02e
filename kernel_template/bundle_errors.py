"""Uncaught exceptions and warnings -> what separate files would make the interpreter print."""

import os
import sys

_SHOWING = []  # one item for each thread that prints now


def show_lines(show, words, find_bytes):
    """Call a printer of the interpreter, with the lines of the bundle's modules at hand.

    `find_bytes` takes a file's name and gives its bytes, or None where it is no file of the bundle.
    Up to Python 3.12 the printers are written in C. They take a line out of the file that `io.open`
    gives them; all else, such as the marks below a line, is then as for a real file.
    """
    import io

    before = getattr(io.open, "before", io.open)

    def open_file(file, *more, **named):
        content = find_bytes(file) if isinstance(file, str) else None
        if content is None:
            return before(file, *more, **named)
        return before(make_file(content), "rb")

    open_file.before = before
    io.open = open_file
    _SHOWING.append(words)
    try:
        show(*words)
    finally:
        _SHOWING.pop()
        if not _SHOWING:
            io.open = before


def make_file(content):
    """Bytes -> the descriptor of a file that holds them and has no name."""
    try:
        number = os.memfd_create("bundle")
    except (AttributeError, OSError):  # not Linux
        folder = os.environ.get("TMPDIR") or os.environ.get("TEMP") or "/tmp"
        path = os.path.join(folder, f"bundle-{os.getpid()}-{id(content)}")
        gone = getattr(os, "O_TEMPORARY", 0)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | gone
        number = os.open(path, flags, 0o600)
        if not gone:
            os.unlink(path)
    with os.fdopen(os.dup(number), "wb") as file:
        file.write(content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def guard_hook(own_hook):
    """Let an error in the excepthook that the program has set be told as the interpreter does."""
    hook = getattr(sys, "excepthook", own_hook)
    if hook is not own_hook:
        sys.excepthook = lambda *words: _call_hook(hook, own_hook, words)


def _call_hook(hook, show, words):
    sys.excepthook, failed = hook, None
    try:
        hook(*words)
    except SystemExit:
        raise
    except BaseException as error:
        failed = error
    if failed is not None:
        print("Error in sys.excepthook:", file=sys.stderr, flush=True)
        show(type(failed), failed, failed.__traceback__.tb_next)
        print("\nOriginal exception was:", file=sys.stderr, flush=True)
        show(*words)
