"""Credentials in the environment and in files: no output of any command holds one."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.kaggle.client.secrets import clean_line
from tests.kaggle_prompt import Prompt, open_prompt
from tests.kaggle_state import KEY, REFRESH_TOKEN, TOKEN, USER
from tests.local_runs import UNCURATED, list_options, write_input

PAIR = base64.b64encode(f"{USER}:{KEY}".encode()).decode().rstrip("=")
SECRETS = (KEY, TOKEN, PAIR, REFRESH_TOKEN)
ECHO = f"bad: {KEY}, Basic {PAIR}, Bearer {TOKEN}"


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    """A place where a user has every kind of credential at once."""
    for prompt in open_prompt(tmp_path):
        prompt.environment |= {
            "KAGGLE_API_TOKEN": TOKEN,
            "KAGGLE_USERNAME": USER,
            "KAGGLE_KEY": KEY,
        }
        folder = Path(prompt.environment["KAGGLE_CONFIG_DIR"])
        login = {"username": USER, "refresh_token": REFRESH_TOKEN, "access_token": TOKEN}
        (folder / "credentials.json").write_text(json.dumps(login))
        (folder / "access_token").write_text(TOKEN)
        yield prompt


def type_words(prompt: Prompt, *words: str) -> tuple[int, str]:
    """Words after build.py -> exit code and all that was printed."""
    ended = subprocess.run(
        [sys.executable, "build.py", *words],
        cwd=prompt.root,
        env=prompt.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def find_secrets(folder: Path) -> list[str]:
    """A folder -> its files that hold a credential; what git itself keeps is left out."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
        if any(secret.encode() in path.read_bytes() for secret in SECRETS)
    ]


def test_the_search_finds_a_secret(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"x{PAIR}x")
    assert find_secrets(tmp_path) == ["a"]


def test_build_run_and_board_keep_them_to_themselves(prompt: Prompt, tmp_path: Path) -> None:
    shards = str(write_input(tmp_path / "shards"))
    small = [*list_options("r3gan"), *UNCURATED]
    for words in (
        ("--recipe", "r3gan"),
        ("run", "--input", shards, "--output", "build/run", *small),
        ("board",),
    ):
        code, shown = type_words(prompt, *words)
        assert code == 0, shown
        assert not any(secret in shown for secret in SECRETS), words
    for name in ("kernel.py", "board.html", "run/report.html", "run/run_manifest.json"):
        assert (prompt.root / "build" / name).is_file(), name
    assert find_secrets(prompt.root) == []


def test_the_loop_keeps_them_though_the_server_repeats_them(prompt: Prompt) -> None:
    (prompt.root / ".gitignore").write_text("/build/\n/runs/\n__pycache__/\n")
    prompt.build("init", "--owner", USER)
    prompt.commit()
    server = prompt.server
    for name in ("SaveKernel", "GetKernelSessionStatus", "GetSubmissionLimits", "GetKernel"):
        server.fail(name, code=400, message=ECHO, times=1)
    server.fail("GetAcceleratorQuotaStatistics", code=403, message=ECHO, times=9)
    shown = ""
    for words in (
        ("push",),
        ("push",),
        ("watch", "1"),
        ("watch", "1"),
        ("fetch", "1"),
        ("submit", "1", "-m", "text"),
        ("doctor",),
        ("runs",),
        ("board",),
    ):
        shown += type_words(prompt, *words)[1]
    assert "withheld" in shown, "the server's words were to be shown, without what they repeat"
    assert not any(secret in shown for secret in SECRETS)
    assert (prompt.root / "runs/ledger.jsonl").is_file()
    assert find_secrets(prompt.root) == []


def test_a_failed_run_that_repeats_them_is_told_without(prompt: Prompt) -> None:
    prompt.build("init", "--owner", USER)
    version = prompt.server.push("ada/kernelpress-gan-challenge", "x")
    version.statuses, version.message = ["ERROR"], f"first\n{ECHO}\n\x1b[2J"
    version.events = [{"stream_name": "stdout", "time": 1.0, "data": f"{ECHO}\nfine\x1b[31m\n"}]
    version.outputs = {}
    shown = type_words(prompt, "watch", "1")[1] + type_words(prompt, "fetch", "1")[1]
    assert not any(secret in shown for secret in SECRETS)
    assert "\x1b" not in shown
    assert "| fine\n" in shown
    assert find_secrets(prompt.root) == []


def test_a_line_is_withheld_in_every_spelling() -> None:
    for secret in SECRETS[:3]:
        assert "withheld" in clean_line(f"a {secret} b", SECRETS)
