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


def fill_when_loaded(spec, files, read_text):
    """(the spec of linecache, file -> path) -> the same; once loaded, it knows those files' lines.

    To import linecache at the start would cost every program more than the rest of the runtime.
    """
    load = spec.loader.exec_module

    def load_and_fill(module):
        load(module)
        for file, path in files.items():
            lines = [line + "\n" for line in read_text(path).split("\n")[:-1]]
            module.cache[file] = len(lines), None, lines, file

    spec.loader.exec_module = load_and_fill
