"""An uncaught exception -> the traceback that separate files would give."""

import sys


def print_error(own_code, value, trace, thread):
    """An exception of the program, or of one of its threads -> its traceback on stderr.

    The frame of `own_code`, the bundle's last line, is left out: no such line is in the sources.

    Up to Python 3.12 the interpreter's own printer reads source lines from files alone.
    """
    import traceback

    if thread is not None and isinstance(value, SystemExit):
        return
    frames = []
    while trace:
        if trace.tb_frame.f_code is not own_code:
            frames.append(trace)
        trace = trace.tb_next
    for frame, following in zip(frames, [*frames[1:], None], strict=True):
        frame.tb_next = following
    trace = frames[0] if frames else None
    if thread is not None:
        print(f"Exception in thread {thread.name}:", file=sys.stderr, flush=True)
    if sys.version_info >= (3, 13):
        value.__traceback__ = trace
        sys.__excepthook__(type(value), value, trace)
    else:
        traceback.print_exception(type(value), value, trace)


def fill_when_loaded(spec, fill):
    """(the spec of linecache, a function) -> the same spec; the module, once loaded, is filled.

    To import linecache at the start would cost every program more than the rest of the runtime.
    """
    load = spec.loader.exec_module

    def load_and_fill(module):
        load(module)
        fill(module)

    spec.loader.exec_module = load_and_fill


def keep_lines(linecache, files, read_text):
    """(linecache, file -> path in the table) -> each file's lines are known to it for good."""
    for file, path in files.items():
        lines = [line + "\n" for line in read_text(path).split("\n")[:-1]]
        linecache.cache[file] = len(lines), None, lines, file
