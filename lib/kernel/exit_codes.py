"""A piece of work that may fail -> an exit code, and at most two lines for the user on stderr."""

import os
import sys
import traceback
from collections.abc import Callable

from lib.kernel.errors import PipelineError


def run_for_exit_code(work: Callable[[], int], debug: bool) -> int:
    """Work -> its own exit code, else 2 for a user's mistake, 1 for a failure, 130 for Ctrl-C.

    141 tells that the reader of stdout left, as a shell does.
    """
    try:
        code = work()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
        return 141
    except Exception as error:  # the last resort of every command
        if debug:
            traceback.print_exc()
        print(f"error: {_describe(error)}", file=sys.stderr, flush=True)
        return error.exit_code if isinstance(error, PipelineError) else 1


def _describe(error: Exception) -> str:
    if isinstance(error, PipelineError):
        return str(error)
    first = (str(error).splitlines() or ["no message"])[0]
    cure = "see where with --debug, and please report it; the same command resumes"
    return f"{type(error).__name__}: {first}\n  cure: {cure}"
