"""A working tree and options -> one self-contained Kaggle script, built, run, pushed or scored."""

import sys
from collections.abc import Sequence

from lib.host import (
    command_audit,
    command_build,
    command_bundle,
    command_curate,
    command_decode,
    command_doctor,
    command_fetch,
    command_init,
    command_push,
    command_run,
    command_runs,
    command_score,
    command_submit,
    command_sweep,
    command_synth,
    command_watch,
)
from lib.host.options import Command, parse_and_run
from lib.kernel.errors import InputError, nearest_name
from lib.kernel.exit_codes import run_for_exit_code

COMMANDS: tuple[Command, ...] = (
    command_audit.AUDIT,
    command_build.BUILD,
    command_bundle.BUNDLE,
    command_curate.CURATE,
    command_decode.DECODE,
    command_doctor.DOCTOR,
    command_fetch.FETCH,
    command_init.INIT,
    command_push.PUSH,
    command_run.RUN,
    command_runs.RUNS,
    command_score.SCORE,
    command_submit.SUBMIT,
    command_sweep.SWEEP,
    command_synth.SYNTH,
    command_watch.WATCH,
)


def main(words: Sequence[str]) -> int:
    """Command-line words -> exit code: 0 done, 1 a failure, 2 a mistake of the user's."""
    return run_for_exit_code(lambda: _dispatch(words), debug="--debug" in words)


def _dispatch(words: Sequence[str]) -> int:
    by_name = {command.name: command for command in COMMANDS}
    if words and words[0] in ("-h", "--help", "help"):
        print(_describe_commands())
        return 0
    if not words or words[0].startswith("-"):
        return parse_and_run(by_name["build"], words)
    if words[0] not in by_name:
        cure = nearest_name(words[0], by_name)
        raise InputError("build.py", f"there is no command {words[0]!r}", cure=cure)
    return parse_and_run(by_name[words[0]], words[1:])


def _describe_commands() -> str:
    lines = [f"  {command.name:<10} {command.summary}" for command in COMMANDS]
    head = "usage: python build.py [COMMAND] [OPTIONS]; without a command: build\n\n"
    return head + "\n".join(lines) + "\n\n  python build.py COMMAND --help lists its options"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
