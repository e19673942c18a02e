"""Name --entry in the cures of a command that works on another project than this repository.

Most cures are written where no entry is known. So the commands that they name are completed once,
where a command's errors leave it.
"""

import argparse
import functools
import re
import shlex
from collections.abc import Callable
from typing import TypeVar

from lib.base.errors import PipelineError
from lib.commands.options import BUILD_PY, Answer

Ended = TypeVar("Ended")
_TAKES_ENTRY = ("doctor", "fetch", "init", "push", "runs", "submit", "watch", "weights")
# A command up to its word, and what stands between it and the next command.
_COMMAND = rf"({re.escape(BUILD_PY)} (?:{'|'.join(_TAKES_ENTRY)})\b)((?:(?!{BUILD_PY}).)*)"


def add_entry_to(text: str, entry: str | None) -> str:
    """Commands in a text -> the same with --entry, where they take it and lack it."""
    if not entry:
        return text
    words = f" --entry {shlex.quote(entry)}"

    def complete(found: re.Match[str]) -> str:
        return found[0] if "--entry" in found[2] else f"{found[1]}{words}{found[2]}"

    return re.sub(_COMMAND, complete, text, flags=re.DOTALL)


def name_entry(run: Callable[[argparse.Namespace], Ended]) -> Callable[[argparse.Namespace], Ended]:
    """A command's function -> the same, whose errors name cures for --entry's project."""

    @functools.wraps(run)
    def run_and_name(options: argparse.Namespace) -> Ended:
        try:
            ended = run(options)
        except PipelineError as error:
            error.cure = add_entry_to(error.cure, options.entry)
            raise
        if isinstance(ended, Answer) and ended.failure:
            ended.failure.cure = add_entry_to(ended.failure.cure, options.entry)
        return ended

    return run_and_name
