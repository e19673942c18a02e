"""Run work that may fail; return an exit code and print at most two lines on stderr."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable

from lib.base.errors import InputError, PipelineError
from lib.base.progress_bar import end_bar, erase_bar
from lib.base.stop_signals import StopSignals, Terminated
from lib.base.terminal import open_closed_streams, paint

_AGAIN = "the same command goes on from here"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_PLACES = (  # reasons why a file or folder that the user named cannot be used
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ETXTBSY, errno.ESTALE),
)


def run_for_exit_code(
    work: Callable[[], int], debug: bool, shows_faults: bool = False, heeds_signals: bool = True
) -> int:
    """Do the work and return its exit code.

    The code is 2 for a user's mistake, 1 for a failure, 130 for Ctrl-C, 143 for SIGTERM, and 141,
    as in a shell, where the reader of stdout left. With `debug` any error shows its traceback; with
    `shows_faults` those do that are no user's mistake, such as a fault in a line that was edited.
    `heeds_signals` is off in a notebook, whose process must outlive the work.
    """
    open_closed_streams()
    signals = StopSignals()
    try:
        if not heeds_signals:
            return _run(work, debug, shows_faults, signals)
        with signals:
            return _run(work, debug, shows_faults, signals)
    except (KeyboardInterrupt, Terminated) as error:
        end_bar()
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        signals.tell(number)
        return 128 + number


def _run(work: Callable[[], int], debug: bool, shows_faults: bool, signals: StopSignals) -> int:
    """Do the work and return its exit code; signals that ask for an end pass as exceptions."""
    try:
        code = work()
        erase_bar()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of stdout left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
        return 141
    except Exception as error:  # the last resort of every command
        if signals.requested:  # the same signal ended a process that this one waited for
            raise (
                Terminated if signals.requested == signal.SIGTERM else KeyboardInterrupt
            ) from error
        end_bar()
        told = _explain_disk(error) if isinstance(error, OSError) else error
        if debug or (shows_faults and not isinstance(told, PipelineError)):
            traceback.print_exc()
        print(
            f"{paint('error:', 'red', sys.stderr)} {_describe(told)}", file=sys.stderr, flush=True
        )
        return told.exit_code if isinstance(told, PipelineError) else 1


def _explain_disk(error: OSError) -> Exception:
    """An OSError -> an error of ours where the disk or the user's path is at fault; else itself."""
    reason = error.strerror or type(error).__name__
    place = error.filename2 or error.filename
    if error.errno in _FULL:
        cure = f"make room, or mend the disk; {_AGAIN}"
        return PipelineError("disk", reason, got=str(place or ""), cure=cure)
    if error.errno in _PLACES and place is not None:
        cure = f"name another place, or mend that one's rights; {_AGAIN}"
        return InputError("disk", reason, got=str(place), cure=cure)
    return error


def _describe(error: Exception) -> str:
    if isinstance(error, PipelineError):
        return str(error)
    first = (str(error).splitlines() or ["no message"])[0]
    cure = "see where with --debug, and please report it; the same command resumes"
    return str(PipelineError(type(error).__name__, first, cure=cure))
