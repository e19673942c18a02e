"""Foreign text of every origin: it is shown and kept without doing anything, on any terminal."""

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import PipelineError
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.secrets import clean_line, clean_words
from lib.kaggle.ledger import LEDGER
from lib.kaggle.recorded_steps import fetch_and_record, watch_and_record
from tests.kaggle_place import REF, SLUG, Place, open_place, play_complete
from tests.kaggle_prompt import Prompt, open_prompt
from tests.kaggle_state import Version

# What a terminal obeys, what hides or turns words, and what no encoding has.
HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;aGk=\x07",
    "without end": "\x1b]0;never",
    "half a sequence": "\x1b[",
    "reset": "\x1bc",
    "device string": "\x1bPq#0\x1b\\",
    "C1": "\x9b2J\x9d0;x\x9c\x85",
    "controls": "\x00\x07\x08\x0e",
    "DEL": "\x7f",
    "bidi": "\u202egpj.exe\u202c\u2066\u2069\u200f\u061c",
    "no width": "a\u200bb\u2060c\ufeff",
    "tags": "\U000e0041\U000e007f",
    "separators": "a\u2028b\u2029c",
    "half a surrogate": "\ud800",
    "other half": "\udc80",
    "private": "\ue000",
    "beyond cp1252": "\u2192 \u03bb \U0001f600",
}
ALL = " ".join(HOSTILE.values())
BAD = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    yield from open_prompt(tmp_path)


def check(text: str) -> None:
    """Nothing in a text but lines that may be shown."""
    assert BAD.findall(text) == []
    text.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sign_leaves_a_printable_line(name: str) -> None:
    line = clean_line(f"before {HOSTILE[name]} after", [])
    check(line)
    assert line.isprintable()
    assert line.startswith("before ")
    assert line.endswith("fter")  # half a sequence takes a letter, as on a terminal


@pytest.mark.parametrize("sign", ["\x1b[31m", "\x1b]0;x\x07", "\x7f", "\x85", "\u200b", "\u202e"])
def test_sign_that_is_not_seen_parts_no_secret(sign: str) -> None:
    withheld = "[line withheld: it holds a Kaggle token]"
    shown = "KG AT_abcdef" if sign.isspace() else withheld
    assert clean_line(f"KG{sign}AT_abcdef", []) == shown


def test_words_that_everybody_can_read_stay(place: Place) -> None:
    line = "épöch 3/4 → 雪 λ=0.5 😀 [loss] a\\b {x}"
    assert clean_line(line, place.session.secrets) == line


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text("\x1b[]0;m\x07\x9b\x9d\x9c\\P 1aA\u202e\ud800"))
def test_any_text_becomes_a_printable_line(text: str) -> None:
    line = clean_line(text, [])
    assert line.isprintable()
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in line)
    assert clean_line(line, []) == line, "a clean line stays as it is"
    assert len(clean_words(text, [])) <= 400


def test_log_of_hostile_lines_is_shown_and_saved_clean(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.push()
    version = place.server.versions[REF][0]
    version.events = [{"data": f"{name}: {text}\n"} for name, text in HOSTILE.items()]
    watch_and_record(place.work, place.session, REF, 1)
    with pytest.raises(PipelineError, match="run_manifest"):
        fetch_and_record(place.work, place.session, REF, 1)
    shown = capsys.readouterr()
    check(shown.out + shown.err)
    saved = (place.work.locate_run(REF, 1) / f"{SLUG}.log").read_text(encoding="utf-8")
    check(saved)
    for name in HOSTILE:
        assert f"{name}: " in shown.out
        assert f"{name}: " in saved


def test_hostile_words_of_the_server_are_shown_clean(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.push()
    version = place.server.versions[REF][0]
    version.statuses, version.message = ["ERROR"], ALL
    with pytest.raises(PipelineError) as failed:
        watch_and_record(place.work, place.session, REF, 1)
    place.server.fail("GetKernelSessionStatus", code=400, message=ALL)
    with pytest.raises(KaggleError) as refused:
        get_status(place.session, REF, 1)
    place.server.fail("GetKernelSessionStatus", answer={"status": ALL})
    unknown = get_status(place.session, REF, 1).name
    url = f"https://www.kaggle.com/{ALL}?{ALL}"
    answer = {"ref": f"/code/{REF}", "url": url, "versionNumber": 2, "invalidTags": [ALL]}
    place.server.fail("SaveKernel", answer=answer)
    with pytest.raises(PipelineError) as faulty:
        place.push()
    shown = capsys.readouterr()
    texts = (str(failed.value), str(refused.value), unknown, str(faulty.value))
    check("\n".join([*texts, shown.out, shown.err]))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_name_is_refused_in_clean_words(place: Place, name: str) -> None:
    place.push()
    place.server.versions[REF][0].outputs[f"x{HOSTILE[name]}y"] = b"x"
    if name == "beyond cp1252":
        with pytest.raises(PipelineError, match="run_manifest"):
            fetch_and_record(place.work, place.session, REF, 1)
        return
    with pytest.raises(PipelineError, match="name that must not be written") as caught:
        fetch_and_record(place.work, place.session, REF, 1)
    check(str(caught.value))
    assert not place.work.locate_run(REF, 1).exists()


@pytest.mark.parametrize("encoding", ["ascii:strict", "cp1252", "utf-8"])
def test_commands_end_well_on_any_terminal(prompt: Prompt, encoding: str) -> None:
    """stdout, stderr, refusals, file names and `runs`, typed where only few signs can be shown."""
    prompt.build("init", "--owner", "ada")
    prompt.environment |= {"PYTHONIOENCODING": encoding}
    ref = "ada/kernelpress-gan-challenge"

    def play(version: Version) -> None:
        prompt._play(version)
        version.events = [{"data": f"{text}\n"} for text in HOSTILE.values()]
        version.outputs["snow \u96ea.txt"] = b"x"

    prompt.server.play = play
    prompt.server.push(ref, "x")
    prompt.server.push(ref, "x")
    prompt.server.versions[ref][1].statuses = ["ERROR"]
    prompt.server.versions[ref][1].message = ALL
    shown = type_bytes(prompt, "watch", "1", code=0)
    shown += type_bytes(prompt, "fetch", "1", code=0)
    shown += type_bytes(prompt, "watch", "2", code=1)
    shown += type_bytes(prompt, "fetch", "1", "--file-pattern", "\u96ea", code=2)
    events = [json.loads(line) for line in (prompt.root / LEDGER).read_text().splitlines()]
    extra = {**events[-1], "version": 7, "event": "push", "recipe": ALL, "status": ALL}
    with (prompt.root / LEDGER).open("a") as file:
        file.write(json.dumps(extra) + "\n")
    shown += type_bytes(prompt, "runs", code=0)
    text = shown.decode(encoding.split(":")[0])
    check(text.replace("\r\n", "\n"))
    assert "please report" not in text
    log = prompt.root / "runs" / "kernelpress-gan-challenge" / "v1"
    check((log / "kernelpress-gan-challenge.log").read_text(encoding="utf-8"))
    assert (log / "snow \u96ea.txt").read_bytes() == b"x"


def type_bytes(prompt: Prompt, *words: str, code: int) -> bytes:
    done = subprocess.run(
        [sys.executable, "build.py", *words],
        cwd=prompt.root,
        env={**os.environ, **prompt.environment},
        capture_output=True,
        timeout=120,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == code, shown
    assert b"Traceback" not in shown
    return shown
