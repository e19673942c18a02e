"""Lines of modules in memory -> printers of the interpreter, which look for them in files.

Up to Python 3.12 all of them are written in C, later some. They take a line out of the file that
`io.open` gives them; all else, such as the marks below a line, is then as for a real file.
"""

import io
import os

_SHOWING = []  # one item for each thread that prints now


def show_lines(show, words, find_bytes):
    """Call a printer, with the lines of the bundle's modules at hand."""
    before = keep_open(find_bytes)
    _SHOWING.append(words)
    try:
        show(*words)
    finally:
        _SHOWING.pop()
        if not _SHOWING:
            io.open = before


def keep_open(find_bytes):
    """Let `io.open` open the bundle's modules too -> the function that it was before.

    `find_bytes` takes a file's name and gives its bytes, or None where it is no file of the bundle.
    """
    before = getattr(io.open, "before", io.open)

    def open_file(file, *more, **named):
        content = find_bytes(file) if isinstance(file, str) else None
        if content is None:
            return before(file, *more, **named)
        return before(make_file(content), "rb")

    open_file.before = before
    io.open = open_file
    return before


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
