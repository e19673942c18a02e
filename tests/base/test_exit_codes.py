"""lib.base.exit_codes where the tests of the commands do not come by."""

import subprocess
import sys

import pytest

from lib.base.errors import InputError
from lib.base.exit_codes import run_for_exit_code
from tests.local_runs import ROOT

PROGRAM = """
import sys

import pytest

from lib.base.errors import InputError
from lib.base.exit_codes import run_for_exit_code
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


def test_a_fault_shows_where_it_is_and_a_user_s_mistake_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> int:
        raise ValueError("of an edited line")

    def refuse() -> int:
        raise InputError("config", "a mistake", cure="mend it")

    assert run_for_exit_code(fail, False) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert run_for_exit_code(fail, False, shows_faults=True) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "in fail" in told
    assert run_for_exit_code(refuse, False, shows_faults=True) == 2
    assert capsys.readouterr().err.splitlines()[0] == "error: config: a mistake"


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams_end_a_command_quietly(closed: tuple[int, ...]) -> None:
    """Past failure: AttributeError, as Python has no stdout where the caller closed it."""
    program = PROGRAM.format(size=10).replace("print", "__import__('sys').stdout.isatty() or print")
    shell = " ".join(["exec", '"$@"', *(f"{number}>&-" for number in closed)])
    words = ["sh", "-c", shell, "sh", sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_stdout_is_told_in_two_lines() -> None:
    for size in (10, 10**6):
        command = [sys.executable, "-c", PROGRAM.format(size=size)]
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert len(done.stderr.splitlines()) == 2
