"""A bundle that was edited by hand runs, and says once that it is not what its header names."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.bundler.plain_and_bundled import VERSIONS, Files, Outcome, Pair

FILES: Files = {
    "entry.py": (
        "from __future__ import annotations\n\nimport __bundle__\n"
        "from lib import a, b, c, empty\n\n"
        "print(CONFIG['x'], a.value(), b.VALUE, c.VALUE, __bundle__.sha256)\n"
    ),
    "lib/__init__.py": "",
    "lib/empty.py": "# nothing\n",
    "lib/a.py": (
        '"""A."""\n\nfrom __future__ import (\n    annotations,\n)\n\n\ndef value():\n'
        "    number = 1\n    if number:\n        return number\n    return 0\n"
    ),
    "lib/b.py": "VALUE = '\\d'  # '''\n",
    "lib/c.py": "VALUE = '\\d'  # ''' and \"\"\"\n",
}
EDITS: dict[str, tuple[str, str, str]] = {  # name: (pattern, replacement, what is printed)
    "a setting": ("'x': 5", "'x': 6", "6 1 \\d \\d"),
    "a remark above": (r"\A", "# mine\n", "5 1 \\d \\d"),
    "a remark between": (r"\n\n# ==== lib/a", "\n# mine\n\n# ==== lib/a", "5 1 \\d \\d"),
    "a statement between": (r"\n\n# ==== lib/a", "\nMINE = 1\n\n# ==== lib/a", "5 1 \\d \\d"),
    "a line of code": (r"( {4,8})number = 1\n", "\\1number = 1\n\\1number += 6\n", "5 7 \\d \\d"),
    "a remark in column 0": (r"(\n        number = 1\n)", "\\1# mine\n#     x\n", "5 1 \\d \\d"),
    "a statement commented out in column 0": (
        r"\n(        if number:\n)(            return number\n)",
        "\n#\\1#\\2",
        "5 0 \\d \\d",
    ),
    "a future import commented out": (
        r"#   from __future__ import annotations\n",
        "#\n",
        "5 1 \\d \\d",
    ),
    "a remark above a section's start": (r"(# ==== lib/a\.py.*\n)", "\\1# mine\n", "5 1 \\d \\d"),
    "a remark at a section's end": (r"(# ---- end of lib/a)", "    # mine\n\\1", "5 1 \\d \\d"),
    "a value in a string": (r"\\d'  # '''\n", "\\\\s'  # '''\n", "5 1 \\s \\d"),
    "a line in a string": (r"(r\"\"\"\n)(VALUE)", "\\1X = 1\n\\2", "5 1 \\d \\d"),
    "a line in a note": (r"(#   VALUE = .*\n)", "\\1#   VALUE += '!'\n", "5 1 \\d \\d!"),
    "a line of an empty module": (r"(    # nothing\n)", "\\1    X = 1\n", "5 1 \\d \\d"),
    "the table's numbers": (r"(?m)^#: +\d+ +\d+ ", "#:  1 1 ", "5 1 \\d \\d"),
    "empty lines": (r"\n\n\n", "\n\n", "5 1 \\d \\d"),
    "no hash": (r"(?m)^# content sha256.*\n", "", "5 1 \\d \\d"),
    "a mark at the start": (r"\A", "\ufeff", "5 1 \\d \\d"),
}


def edit(pair: Pair, pattern: str, new: str, **more: str) -> Path:
    pair.write(FILES)
    script = pair.render(preface="CONFIG = {'x': 5}\n", **more)
    text = script.read_text(encoding="utf-8")
    edited = re.sub(pattern, new, text)
    assert edited != text, "nothing was edited"
    script.write_text(edited, encoding="utf-8")
    return script


def demand_told(got: Outcome, script: Path, printed: str) -> None:
    text = script.read_text(encoding="utf-8-sig").rstrip() + "\n"
    named = re.search(r"with zeros in its place\): ([0-9a-f]{64})", text)
    blank = text.replace(named[1], "0" * 64, 1) if named else text
    sha256 = hashlib.sha256(blank.encode()).hexdigest()
    assert got.stdout == f"{printed} {sha256}\n", got.stderr
    said = "entry.py: this bundle's text is not the one that its header names; sha256 of what runs"
    assert got.stderr.split("\n")[0] == f"{said}: {sha256}"
    assert got.stderr.count(said) == 1


@pytest.mark.parametrize("style", ["code", "text", "disk"])
@pytest.mark.parametrize("name", EDITS)
def test_an_edited_bundle_runs(name: str, style: str, tmp_path: Path) -> None:
    if style == "text" and any(
        word in name for word in ("a line of", "column 0", "commented", "section's")
    ):
        pytest.skip("there the section is no code")
    pattern, new, printed = EDITS[name]
    pair = Pair(tmp_path)
    script = edit(pair, pattern, new, style=style)
    if name == "a mark at the start":
        got = pair.run("3.11", script)
        assert (got.stdout[:9], got.stderr) == (printed, "")
    else:
        demand_told(pair.run("3.11", script), script, printed)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_told_on_every_python(version: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    script = edit(pair, "'x': 5", "'x': 6")
    demand_told(pair.run(version, script), script, "6 1 \\d \\d")


@pytest.mark.parametrize("style", ["code", "text", "disk"])
def test_an_editors_line_ends_are_no_edit(style: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write(FILES)
    script = pair.render(preface="CONFIG = {'x': 5}\n", style=style)
    raw = script.read_bytes().replace(b"\n", b"\r\n").rstrip()
    script.write_bytes(raw)
    got = pair.run("3.11", script)
    assert (got.stdout[:9], got.stderr) == ("5 1 \\d \\d", "")


PROCESSES = """\
import multiprocessing
import os
import subprocess
import sys

import lib


def tell(number):
    return number * 2


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(tell, [1, 2]))
    if len(sys.argv) == 1:
        subprocess.run([sys.executable, __file__, "again"], check=True)
"""


@pytest.mark.parametrize("style", ["code", "disk"])
def test_processes_that_it_starts_say_nothing(style: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write({"entry.py": PROCESSES, "lib/__init__.py": ""})
    script = pair.render(style=style, preface="CONFIG = 1\n")
    script.write_text(script.read_text().replace("CONFIG = 1", "CONFIG = 2"))
    got = pair.run("3.11", script)
    assert got.stdout.split() == ["[2,", "4]"] * 2, got.stderr
    assert got.stderr.count("\n") == 1
    other = pair.run("3.11", script, "x", env={"LOCAL_RANK": "1"})
    assert (other.stdout, other.stderr) == ("[2, 4]\n", "")


def test_a_missing_banner_is_named(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    script = edit(pair, r"# ==== lib/a\.py.*\n", "")
    got = pair.run("3.11", script)
    assert got.exit_code == 1
    assert got.stderr.split("\n")[1] == (
        "ROOT/entry.py: the line that begins with '# ==== lib/a.py ' is gone; cure: put it back"
    )


def test_a_function_that_was_edited_is_shown_as_it_is_now(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    script = edit(pair, r"return number\n(\s+return 0)", "return number / 0\n\\1")
    got = pair.run("3.11", script)
    assert 'ROOT/lib/a.py", line 11, in value\n    return number / 0\n' in got.stderr
