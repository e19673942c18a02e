"""`build.py new`: what it writes runs at once; names that it refuses; nothing half-written."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.new import NEW
from lib.commands.options import parse_and_run
from lib.kaggle.metadata import PLACEHOLDER_OWNER, check_metadata, load_metadata
from tests.bundled import bound_by_permissions
from tests.interpreters import find_python
from tests.local_runs import ROOT, call

SCRIPT = ["--kind", "script"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def list_files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_script_runs_as_it_says(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed commands, typed in their order: run, bundle, run the bundle, test."""
    assert parse_and_run(NEW, ["house-prices", *SCRIPT]) == 0
    files, _, steps = capsys.readouterr().out.partition("next:\n")
    assert files.split() == sorted(
        f"house-prices/{name}" for name in list_files(here / "house-prices")
    )
    enter, *commands = [shlex.split(step) for step in steps.splitlines()]
    assert enter == ["cd", "house-prices"]
    home, submissions, said = here / "house-prices", [], ""
    for words in commands:
        done = subprocess.run(words, cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout
        if (home / "submission.csv").exists():
            submissions.append((home / "submission.csv").read_text())
            (home / "submission.csv").unlink()
    plain, bundled = submissions
    assert plain == bundled
    assert re.fullmatch(r"id,target\n(\d+,[01]\n){40}", plain)
    assert "2 passed" in said


def test_script_bears_the_name_everywhere(here: Path) -> None:
    parse_and_run(NEW, ["house_prices-2", *SCRIPT])
    home = here / "house_prices-2"
    files = list_files(home)
    assert "test_house_prices_2.py" in files
    assert not re.search("my.competition|skeleton", str(files), re.IGNORECASE)
    assert f"{ROOT / 'build.py'} bundle kernel.py" in files["README.md"]
    metadata = load_metadata(home / "kernel-metadata.json")
    (warning,) = check_metadata(metadata, home, for_push=False)
    assert "the owner is still" in warning
    assert metadata.ref == f"{PLACEHOLDER_OWNER}/house-prices-2-one-file"
    assert metadata.competition_sources == ("house-prices-2",)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_script_is_written_and_bundled_without_packages(here: Path, version: str) -> None:
    python, build = find_python(version), str(ROOT / "build.py")
    for words in (
        [build, "new", "titanic", *SCRIPT],
        [build, "bundle", "titanic/kernel.py", "-o", "titanic/build/kernel.py"],
    ):
        words = [python, "-S", *words]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert "# ==== solution/model.py " in (here / "titanic/build/kernel.py").read_text()


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("Titanic", "new titanic "),
        ("House Prices", "new house-prices "),
        ("a" * 41, f"new {'a' * 40} "),
        ("x", "new my-competition "),
        ("", "new my-competition "),
        ("2nd-place", "new my-competition "),
        ("a--b", "new a-b "),
        ("a-", "new my-competition "),
        ("../titanic", "new titanic "),
        (".titanic", "new titanic "),
        ("\u017eivot", "new ivot "),
        ("a\nb", "new a-b "),
        ("class", "new class-competition "),
        ("numpy", "new numpy-competition "),
        ("lightgbm", "new lightgbm-competition "),  # on Kaggle, whether or not it is here
        ("random", "new random-competition "),
        ("lib", "new lib-competition "),
    ],
)
def test_name_that_cannot_be_is_told_with_one_that_can(here: Path, name: str, cure: str) -> None:
    with pytest.raises(InputError, match=r"expected[\s\S]*got[\s\S]*cure") as raised:
        parse_and_run(NEW, [name, *SCRIPT])
    assert f"{cure}--kind script" in raised.value.cure
    assert list(here.iterdir()) == []


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "mine.txt").write_text("mine")


@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        make_folder,
        lambda path: path.write_text("mine"),
        lambda path: path.symlink_to("nowhere"),
    ],
    ids=["empty folder", "folder", "file", "dangling link"],
)
def test_what_is_there_stays(here: Path, make) -> None:
    make(here / "titanic")
    before = [(path, path.lstat()) for path in sorted(here.rglob("*"))]
    with pytest.raises(InputError, match=r"nothing is overwritten, got .*titanic\n.*cure"):
        parse_and_run(NEW, ["titanic", *SCRIPT])
    assert [(path, path.lstat()) for path in sorted(here.rglob("*"))] == before


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("step", ["write_text", "rename"])
def test_nothing_is_left_of_one_that_was_cut_short(
    here: Path, step: str, end: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = getattr(Path, step), []

    def cut(path: Path, *words: str) -> object:
        calls.append(path)
        if len(calls) == (3 if step == "write_text" else 1):
            raise end
        return whole(path, *words)

    monkeypatch.setattr(Path, step, cut)
    with pytest.raises(end):
        parse_and_run(NEW, ["titanic", *SCRIPT])
    assert calls
    assert list(here.iterdir()) == []


def test_folder_without_the_right_to_write_is_told(here: Path) -> None:
    prefix = bound_by_permissions()
    here.chmod(0o555)
    words = [*prefix, sys.executable, str(ROOT / "build.py"), "new", "titanic", *SCRIPT]
    done = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)
    here.chmod(0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: new: the output cannot be written, got titanic: Permission denied\n  cure: .*\n",
        done.stderr,
    )


def test_rights_are_those_of_the_users_umask(here: Path) -> None:
    umask = os.umask(0o027)
    try:
        parse_and_run(NEW, ["titanic", *SCRIPT])
    finally:
        os.umask(umask)
    assert (here / "titanic").stat().st_mode & 0o777 == 0o750
    assert (here / "titanic" / "kernel.py").stat().st_mode & 0o777 == 0o640


def test_unknown_kind_names_those_that_there_are(here: Path) -> None:
    ended = call(here, str(ROOT / "build.py"), "new", "titanic", "--kind", "table")
    assert ended.returncode == 2
    assert all(word in ended.stderr for word in ("'table'", "images", "script", "cure"))
