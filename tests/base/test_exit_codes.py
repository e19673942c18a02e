"""lib.base.exit_codes where the tests of the commands do not come by."""

import subprocess
import sys

from tests.local_runs import ROOT

PROGRAM = """
import sys
from lib.base.exit_codes import run_for_exit_code
sys.exit(run_for_exit_code(lambda: print("x" * {size}) or 0, False))
"""


def test_a_reader_that_leaves_ends_a_command_quietly() -> None:
    for size in (10, 10**6):  # below and above what a pipe and a buffer hold
        program = PROGRAM.format(size=size)
        command = [sys.executable, "-c", program]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as writer:
            assert writer.stdout is not None
            assert writer.stderr is not None
            writer.stdout.close()
            assert (writer.stderr.read(), writer.wait()) == ("", 141)
