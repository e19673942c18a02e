"""`build.py unbundle`: a bundle's files, their edits in the sources, a kernel's CONFIG in words."""

import json
import shlex
from functools import cache
from pathlib import Path

import pytest

import build
from lib.base.errors import InputError
from lib.bundler.bundle import build_bundle
from lib.bundler.unbundling.unbundle import unbundle
from lib.commands.book.config_block import render_config
from lib.commands.bundling.kernel_words import describe_kernel
from lib.commands.bundling.unbundle import UNBUNDLE
from lib.commands.kernel_build import make_entry
from lib.commands.kernel_options import read_config
from lib.commands.options import make_parser, parse_and_run
from lib.kernel.recipes.table import make_config

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "entry.py": "from lib import b\nprint(b.f())\n",
    "lib/__init__.py": "",
    "lib/b.py": "def f():\n    return 1\n",
    "lib/other.py": "from lib import b\n",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with sources in `in`, and their bundle one.py beside it."""
    for name, text in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert build.main(["bundle", "in/entry.py", "-o", "one.py", "--include", "lib.other"]) == 0
    return tmp_path


def edit(home: Path, old: str, new: str) -> None:
    text = (home / "one.py").read_text()
    assert old in text
    (home / "one.py").write_text(text.replace(old, new))


def read_all(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_it_says_what_is_in_a_bundle(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(home, "        return 1", "        return 2")
    before = read_all(home)
    capsys.readouterr()
    assert build.main(["unbundle", "one.py"]) == 0
    said = capsys.readouterr().out
    assert "lib/b.py: edited\n" in said
    assert "lib/other.py: as it was bundled\n" in said
    assert "__bundle__" not in said
    assert read_all(home) == before


def test_output_gets_every_file_and_loses_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["unbundle", "one.py", "-o", "out"]) == 0
    assert read_all(home / "out") == FILES
    assert "lib/b.py: written\n" in capsys.readouterr().out
    assert build.main(["unbundle", "one.py", "-o", "out"]) == 0
    assert "lib/b.py: there already\n" in capsys.readouterr().out
    (home / "out" / "lib" / "b.py").write_text("mine")
    (home / "out" / "entry.py").unlink()
    with pytest.raises(InputError, match=r"another lib/b\.py.*another folder.*--into out"):
        parse_and_run(UNBUNDLE, ["one.py", "-o", "out"])
    assert not (home / "out" / "entry.py").exists()


def test_edits_go_into_the_sources(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "in" / "lib" / "b.py").chmod(0o755)
    (home / "in" / "lib" / "other.py").write_text("changed, but not in the bundle")
    edit(home, "        return 1", "        # by hand\n        return 2")
    for said in ("lib/b.py: edits written\n", "lib/b.py: has the edits already\n"):
        assert build.main(["unbundle", "one.py", "--into", "in"]) == 0
        told = capsys.readouterr().out
        assert said in told
        assert "3 files are not edited" in told
        assert (home / "in" / "lib" / "b.py").read_text() == (
            "def f():\n    # by hand\n    return 2\n"
        )
    assert (home / "in" / "lib" / "b.py").stat().st_mode & 0o777 == 0o755
    assert (home / "in" / "lib" / "other.py").read_text() == "changed, but not in the bundle"


@pytest.mark.parametrize("change", ["def f():\n    return 3\n", None])
def test_a_source_that_has_changed_is_never_overwritten(
    home: Path, change: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is any other one written then."""
    edit(home, "        return 1", "        return 2")
    edit(home, "    print(b.f())", "    print(b.f() + 1)")
    if change is None:
        (home / "in" / "lib" / "b.py").unlink()
    else:
        (home / "in" / "lib" / "b.py").write_text(change)
    before = read_all(home)
    capsys.readouterr()
    assert build.main(["unbundle", "one.py", "--into", "in"]) == 1
    said = capsys.readouterr().out
    assert "+    return 2\n" in said
    assert ("-    return 3\n" in said) == (change is not None)
    assert f"lib/b.py {'has changed' if change else 'is gone'} in in since" in said
    assert "nothing was written" in said
    assert read_all(home) == before
    assert build.main(["unbundle", "one.py", "--into", "in", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert "+    return 2\n" in facts["diff"]


def test_mistakes_name_their_cure(home: Path) -> None:
    (home / "plain.py").write_text("print(1)\n")
    (home / "plain.ipynb").write_text('{"cells": []}')
    (home / "cut.ipynb").write_text('{"cells": [')
    (home / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    text = (home / "one.py").read_text()
    (home / "cut.py").write_text(text[: text.rindex("#: ")])
    (home / "shorter.py").write_text(text[: text.index("# ---- end of lib/b.py")])
    for words, said in (
        (["plain.py"], "plain.py is no bundle"),
        (["plain.ipynb"], "plain.ipynb is no bundle"),
        (["cut.ipynb"], "no notebook, or was cut short"),
        (["picture.png"], "is not UTF-8"),
        (["cut.py"], r"cut\.py:\d+: the bundle was cut short"),
        (["shorter.py"], "the bundle was cut short"),
        (["one.py", "-o", "x", "--into", "in"], "leave out one"),
        (["one.py", "--into", "nowhere"], "no such file or folder"),
        (["one.py", "--into", "one.py"], "expected a folder"),
    ):
        with pytest.raises(InputError, match=said) as raised:
            parse_and_run(UNBUNDLE, words)
        assert "cure" in str(raised.value)
    assert sorted(path.name for path in (home / "in").iterdir()) == ["entry.py", "lib"]


@pytest.mark.parametrize(
    "path", ["../b.py", "/tmp/b.py", "C:/b.py", "lib\\..\\b.py", "lib//b.py", "lib/./b.py"]
)
def test_a_path_that_leads_out_is_refused(home: Path, path: str) -> None:
    edit(home, " lib/b.py ", f" {path} ")
    edit(home, " lib/b.py\n", f" {path}\n")
    with pytest.raises(InputError, match="outside of the folder"):
        parse_and_run(UNBUNDLE, ["one.py", "-o", "out"])
    assert not (home / "out").exists()


def test_a_link_that_leads_out_is_refused(home: Path) -> None:
    (home / "elsewhere").mkdir()
    (home / "out").mkdir()
    (home / "out" / "lib").symlink_to(home / "elsewhere")
    with pytest.raises(InputError, match="outside of out, for a link leads there"):
        parse_and_run(UNBUNDLE, ["one.py", "-o", "out"])
    assert list((home / "elsewhere").iterdir()) == []


@cache
def make_kernel(recipe: str) -> str:
    return build_bundle(make_entry(ROOT, make_config(recipe, {}), full=False)).text


def read_kernel(text: str) -> dict[str, object]:
    return describe_kernel(unbundle(text.encode(), "kernel.py"))


def take_config(preface: str) -> dict[str, object]:
    """What CONFIG is when the kernel runs."""
    found: dict[str, dict[str, object]] = {}
    exec(preface, found)
    return found["CONFIG"]


def set_key(text: str, key: str, value: object) -> str:
    """Write another value into CONFIG's line of a key, which may be a comment so far."""
    lines = text.split("\n")
    block = range(lines.index("CONFIG = {"), lines.index("}"))
    number = next(n for n in block if lines[n].strip("# ").startswith(f"'{key}': "))
    return "\n".join([*lines[:number], f"    '{key}': {value!r},", *lines[number + 1 :]])


EDITED = [
    ("auto", {}, "python build.py"),
    ("auto", {"seed": 3, "minutes": 30.5}, "python build.py --seed 3 --minutes 30.5"),
    ("auto", {"lr": 0.0001}, "python build.py --set lr=0.0001"),
    ("auto", {"lr": 0.001, "width": "auto", "fid_loss": "auto", "curate": False}, None),
    ("pixel", {"batch": "auto", "tail": 1e-05, "temperature": 0.1 + 0.2}, None),
    ("pixel", {"weights_file": "random"}, "python build.py --recipe pixel --weights random"),
    ("r3gan", {"graphs": False, "samples": 100, "preprocessing": "tf-fid"}, None),
    ("edm", {"seed": 2**31 - 1, "train_minutes": 12}, None),
    ("first-seed", {"epoch_fid": 500, "save_every": 1, "batch": 32}, None),
    ("second-seed", {"lr": 1e-9, "beta1": 0.25}, None),
]


@pytest.mark.parametrize(("recipe", "values", "expected"), EDITED)
def test_an_edited_config_comes_back_as_words_that_build_it(
    recipe: str, values: dict[str, object], expected: str | None
) -> None:
    text = make_kernel(recipe)
    for key, value in values.items():
        text = set_key(text, key, value)
    line = read_kernel(text)["words"]
    assert expected in (line, None)
    made = read_config(make_parser(build.load_command("build")).parse_args(shlex.split(line)[2:]))
    edited = take_config(unbundle(text.encode(), "kernel.py").preface)
    rebuilt = take_config(render_config(made.config))
    idle = edited.keys() - rebuilt.keys()  # keys of a stage that was switched off
    assert idle <= {"pool"}
    if values.get("weights_file") == "random":
        rebuilt["weights_sha256"] = edited["weights_sha256"]  # of no file
    assert {key: value for key, value in edited.items() if key not in idle} == rebuilt


def test_another_candidate_of_a_kernel_is_named_by_its_recipe() -> None:
    """The lines that are recipe auto's own values do not count then; edited ones do."""
    text = set_key(set_key(make_kernel("auto"), "recipe", "r3gan"), "seed", 4)
    assert read_kernel(text)["words"] == "python build.py --recipe r3gan --seed 4"
    with pytest.raises(InputError, match="a recipe that this kernel does not hold"):
        read_kernel(set_key(text, "recipe", "first-seed"))


def test_words_name_all_that_makes_a_kernel() -> None:
    values = {"image_px": 64, "image_name": "a picture {:05d}.png"}
    config = make_config("r3gan", values, "images")
    text = build_bundle(make_entry(ROOT, config, full=True)).text
    line = str(read_kernel(text)["words"])
    assert line == (
        "python build.py --recipe r3gan --competition images --set image_px=64 "
        "--set 'image_name=a picture {:05d}.png' --full"
    )
    options = make_parser(build.load_command("build")).parse_args(shlex.split(line)[2:])
    assert (read_config(options).config, options.full) == (config, True)


def test_config_may_hold_sums_but_no_calls() -> None:
    text = make_kernel("pixel")
    line = next(line for line in text.split("\n") if line.startswith("    'minutes': "))
    told = read_kernel(text.replace(line, "    'minutes': 1.5 * 60 - 2,"))
    assert told["words"] == "python build.py --recipe pixel --minutes 88"
    with pytest.raises(InputError, match=r"CONFIG\['minutes'\] is no plain value: max\(1, 2\)"):
        read_kernel(text.replace(line, "    'minutes': max(1, 2),"))
    with pytest.raises(InputError, match="a key 'minute' that is none"):
        read_kernel(text.replace(line, "    'minute': 3,"))
    told = read_kernel(text.replace(line, line.replace("90.0", "30") + "\n}\nimport os\nX = {"))
    assert [each for each in told["lines"] if "in no file" in each] != []


def test_own_weights_are_named_with_their_hash() -> None:
    text = set_key(make_kernel("pixel"), "weights_file", "mine.pth")
    told = read_kernel(set_key(text, "weights_sha256", "ab" * 32))
    assert told["words"] == "python build.py --recipe pixel --weights mine.pth"
    assert "the path of mine.pth" in told["lines"][0]
    assert "ab" * 32 in told["lines"][0]


def test_a_rendered_entry_takes_no_edits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of kernel.py there is no source; all other files of a kernel have one."""
    text = make_kernel("pixel")
    (tmp_path / "kernel.py").write_text(text.replace("    if code:  # a", "    if code :  # a"))
    with pytest.raises(InputError, match=r"kernel\.py was edited.*entry\.py\.j2"):
        parse_and_run(UNBUNDLE, [str(tmp_path / "kernel.py"), "--into", str(ROOT)])
    (tmp_path / "kernel.py").write_text(set_key(text, "seed", 4))
    assert build.main(["unbundle", str(tmp_path / "kernel.py"), "--into", str(ROOT)]) == 0
    said = capsys.readouterr().out
    assert "python build.py --recipe pixel --seed 4\n" in said
    assert "files are not edited" in said
