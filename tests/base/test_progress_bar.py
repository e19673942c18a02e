"""A bar on a real terminal where tqdm is installed; lines everywhere else, as they were."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pseudo_terminal import read_screen, type_in_terminal

ROOT = Path(__file__).parents[2]
STAGES = """
import sys, time
sys.path.insert(0, {root!r})
{before}
from lib.base import log as module
from lib.base.exit_codes import run_for_exit_code
from lib.base.errors import InputError
from lib.base.log import Progress, log

def work():
    progress = Progress("count", 12, "images", {every})
    for done in range(1, 13):
        time.sleep(0.15)
        progress.update(done, "loss {{0.25}}")
        if done == 9:
            log("count", "a line of its own")
            log("other", "a line of another stage")
    log("next", "a stage that counts nothing")
    early = Progress("train", 100, "steps", {every})
    for done in range(1, 9):
        time.sleep(0.15)
        early.update(done)
    {end}

sys.exit(run_for_exit_code(work, debug=False))
"""
BAR = r"^count: 100%\|█+\| 12 of 12 images, [\d.]+/s, ETA 0\.0 s, loss \{0\.25\}$"


def write(before: str = "", end: str = "return 0", every: float = 0.1) -> list[str]:
    text = STAGES.format(root=str(ROOT), before=before, end=end, every=every)
    return [sys.executable, "-c", text]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_a_bar_that_ends_whole(tmp_path: Path, columns: int) -> None:
    written, code = type_in_terminal(write(), {}, tmp_path, columns)
    assert code == 0, written
    screen = read_screen(written)
    assert "count: a line of its own" in screen
    assert "next: a stage that counts nothing" in screen
    bars = [line for line in screen if line.startswith("count: ") and "|" in line]
    assert len(bars) == 1, screen
    assert re.match(BAR, bars[0])
    assert len(bars[0]) == columns - 1
    assert screen.index(bars[0]) == screen.index("other: a line of another stage") + 1
    assert re.search(r"count: +\d\d%\|", written), "it grows"
    assert re.search(r"train: +\d%\|", written)
    assert screen[-2:] == ["next: a stage that counts nothing", ""], "it ended early, without bar"


def test_an_error_is_red(tmp_path: Path) -> None:
    end = 'raise InputError("train", "it broke", cure="mend it")'
    written, _ = type_in_terminal(write(end=end), {}, tmp_path)
    assert "\n\x1b[31merror:\x1b[0m train: it broke\n  cure: mend it\n" in written


def test_an_error_stands_below_the_bar(tmp_path: Path) -> None:
    end = 'raise InputError("train", "it broke", cure="mend it")'
    written, code = type_in_terminal(write(end=end), {"NO_COLOR": "1"}, tmp_path)
    assert code == 2
    screen = read_screen(written)
    assert screen[-3:] == ["error: train: it broke", "  cure: mend it", ""]
    assert screen[-4].startswith("train: ")


WITHOUT_TQDM = "sys.modules['tqdm'] = None"


@pytest.mark.parametrize(
    ("before", "environment"),
    [(WITHOUT_TQDM, {}), ("", {"TERM": "dumb"}), ("", {"TERM": ""})],
    ids=["without tqdm", "TERM=dumb", "no TERM"],
)
def test_other_terminals_show_lines(
    tmp_path: Path, before: str, environment: dict[str, str]
) -> None:
    before = before or ("import os; os.environ.pop('TERM')" if environment["TERM"] == "" else "")
    written, code = type_in_terminal(write(before), environment, tmp_path)
    assert code == 0, written
    assert "\r" not in written
    assert "\x1b" not in written
    assert "|" not in written
    assert re.search(
        r"^count: \d+ of 12 images, [\d.]+ images/s, ETA [\d.]+ s, loss", written, re.M
    )


def test_a_pipe_gets_lines(tmp_path: Path) -> None:
    done = subprocess.run(write(), cwd=tmp_path, capture_output=True, check=True)
    assert b"\r" not in done.stdout
    assert b"\x1b" not in done.stdout
    lines = done.stdout.decode().splitlines()
    form = (
        r"(count|train): \d+ of 1\d+ (images|steps), [\d.]+ (images|steps)/s, "
        r"ETA ([\d.]+ s|unknown).*"
    )
    others = [line for line in lines if not re.fullmatch(form, line)]
    assert others == [
        "count: a line of its own",
        "other: a line of another stage",
        "next: a stage that counts nothing",
    ]
    assert len(lines) > 4


def test_a_stage_that_is_over_at_once_draws_no_bar(tmp_path: Path) -> None:
    program = write()[2].replace("time.sleep(0.15)", "pass")
    written, _ = type_in_terminal([sys.executable, "-c", program], {}, tmp_path)
    lines = ("count: a line of its own", "other: a line of another stage")
    assert written == "\n".join([*lines, "next: a stage that counts nothing", ""])
