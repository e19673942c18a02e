"""lib.base.stop_signals in real processes: each is sent signals, and says how it ended."""

import signal
import subprocess
import sys
import time

import pytest

from tests.local_runs import ROOT

PROGRAM = """
import hashlib, os, signal, subprocess, sys, threading, time
from lib.base import stop_signals
from lib.base.exit_codes import run_for_exit_code

stop_signals.GRACE_S, stop_signals.TWICE_S = {grace_s}, 0.2

def hash_long():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # ten minutes in C, without Python's lock

def ready():
    print("ready", flush=True)

def work():
    {work}
    return 0

{before}
sys.exit(run_for_exit_code(work, False))
"""
LINE = "the same command goes on from here\n"
SLEEP = "ready(); time.sleep(600)"


def start(work: str, grace_s: float = 1000.0, before: str = "") -> subprocess.Popen[str]:
    """Python text -> a process that has begun to run it as a command's work."""
    program = PROGRAM.format(work=work, grace_s=grace_s, before=before)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, text=True, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """A process -> its exit code, the rest of stdout, stderr."""
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGTERM, 143, f"terminated: {LINE}"), (signal.SIGINT, 130, f"interrupted: {LINE}")],
)
@pytest.mark.parametrize("work", [SLEEP, "ready(); hash_long()"])
def test_a_signal_ends_the_work_with_a_line(work: str, number: int, code: int, line: str) -> None:
    process = start(work, grace_s=1000.0 if work == SLEEP else 0.5)
    process.send_signal(number)
    assert end(process) == (code, "", line)


def test_what_the_work_does_at_its_end_is_done() -> None:
    process = start(f"try: {SLEEP}\n    finally: print('kept')")
    process.send_signal(signal.SIGTERM)
    assert end(process) == (143, "kept\n", f"terminated: {LINE}")


def test_a_second_signal_ends_at_once_and_one_sent_twice_is_one() -> None:
    process = start("try: ready(); hash_long()\n    finally: hash_long()")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # as `timeout` does
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)
    process.send_signal(signal.SIGINT)
    assert end(process) == (143, "", f"terminated: {LINE}")


def test_threads_that_cannot_be_stopped_do_not_keep_the_process() -> None:
    """Python waits for them after the work has ended in good order."""
    process = start(f"threading.Thread(target=hash_long).start(); {SLEEP}", grace_s=0.5)
    process.send_signal(signal.SIGTERM)
    assert end(process) == (143, "", f"terminated: {LINE}")


def test_an_error_that_the_same_signal_caused_is_no_failure() -> None:
    """A worker process got the signal first, and the work failed for lack of it."""
    work = f"try: {SLEEP}\n    except BaseException: raise ValueError('lost') from None"
    process = start(work)
    process.send_signal(signal.SIGTERM)
    assert end(process) == (143, "", f"terminated: {LINE}")


def test_a_childs_signal_is_not_its_parents() -> None:
    """A forked child inherits the handlers and the pipe through which signals are heard."""
    work = "\n    ".join(
        [
            "ready(); child = os.fork()",
            "if not child: time.sleep(600)",
            "time.sleep(0.3); os.kill(child, signal.SIGTERM)",
            "print(os.waitpid(child, 0)[1]); time.sleep(1.0)",
        ]
    )
    assert end(start(work, grace_s=0.3)) == (0, f"{int(signal.SIGTERM)}\n", "")


def test_a_signal_that_the_shell_ignores_stays_ignored() -> None:
    """As nohup and a background job of a script have it."""
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    process = start("ready(); time.sleep(0.5)", before=ignored)
    process.send_signal(signal.SIGINT)
    assert end(process) == (0, "", "")


def test_work_in_another_thread_runs_as_ever() -> None:
    other = "run_for_exit_code(lambda: print('in a thread') or 0, False)"
    process = start(f"ready(); t = threading.Thread(target=lambda: {other}); t.start(); t.join()")
    assert end(process)[::2] == (0, "")


def test_signals_are_pythons_own_again_after_the_work() -> None:
    before = "run_for_exit_code(lambda: 0, False); assert signal.set_wakeup_fd(-1) == -1"
    assert end(start("ready()", before=before)) == (0, "", "")
