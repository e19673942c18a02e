"""`build.py new`: what it writes runs at once; names that it refuses; nothing half-written."""

import os
import re
import shlex
import shutil
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
from tests.local_runs import ROOT, call, copy_sources

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


def cut_at(
    monkeypatch: pytest.MonkeyPatch, step: str, number: int, end: type[BaseException]
) -> None:
    """Let the call of that number of a method of Path raise."""
    whole, calls = getattr(Path, step), []

    def cut(path: Path, *words: str) -> object:
        calls.append(path)
        if len(calls) == number:
            raise end
        return whole(path, *words)

    monkeypatch.setattr(Path, step, cut)


@pytest.mark.slow
def test_script_runs_as_it_says(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed commands, typed in their order: run, bundle, run the bundle, test."""
    assert parse_and_run(NEW, ["house-prices", *SCRIPT]) == 0
    files, _, steps = capsys.readouterr().out.partition("next:\n")
    *files, remark = files.splitlines()
    assert "solution/; see docs/ANOTHER_COMPETITION.md" in remark
    assert files == sorted(f"house-prices/{name}" for name in list_files(here / "house-prices"))
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


@pytest.fixture
def tree(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources, to which competitions are added; the current folder is elsewhere."""
    tree = copy_sources(here.parent / "tree")
    for name in ("pyproject.toml", "tests/local_runs.py"):  # by which ruff sorts imports
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    monkeypatch.setattr("lib.commands.new.ROOT", tree)
    return tree


def test_images_is_a_competition_that_the_table_finds(
    tree: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it does is shown by tests/test_another_competition.py."""
    assert parse_and_run(NEW, ["my-digits"]) == 0
    assert list(here.iterdir()) == []
    own = tree / "lib" / "kernel" / "competition" / "my_digits"
    assert sorted(list_files(own)) == ["__init__.py", "competition.py", "rules.py"]
    tests = tree / "tests" / "kernel" / "competition" / "my_digits"
    assert sorted(list_files(tests)) == ["__init__.py", "test_competition.py"]
    text = str([list_files(own), list_files(tests)])
    assert not re.search("my.competition|skeleton", text, re.IGNORECASE)
    said = capsys.readouterr().out
    assert f"  cd {shlex.quote(str(tree))}\n" in said
    assert "-m pytest tests/kernel/competition/my_digits\n" in said
    ended = call(tree, "build.py", "--competition", "my-digits")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", ["aa", "zz9", "images-2", "a" + 38 * "b" + "z"])
def test_images_is_in_order_by_any_name(tree: Path, name: str) -> None:
    """Its imports are sorted and its lines fit, wherever the name stands in the alphabet."""
    parse_and_run(NEW, [name])
    for words in (["check"], ["format", "--check"]):
        folders = [f"{top}/kernel/competition/{name.replace('-', '_')}" for top in ("lib", "tests")]
        ended = call(tree, "-m", "ruff", *words, "--no-cache", *folders)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["gan-challenge", "images", "contract", "table"])
def test_images_takes_no_other_competitions_place(tree: Path, name: str) -> None:
    """Nor that of a module of lib/kernel/competition, which a folder of its name would hide."""
    before = list_files(tree)
    with pytest.raises(InputError, match=r"nothing is overwritten, got .*/lib/kernel/competition/"):
        parse_and_run(NEW, [name])
    assert list_files(tree) == before


def test_images_leaves_nothing_where_its_tests_cannot_be(tree: Path) -> None:
    parse_and_run(NEW, ["my-digits"])
    shutil.rmtree(tree / "lib" / "kernel" / "competition" / "my_digits")
    before = list_files(tree)
    with pytest.raises(InputError, match=r"got .*/tests/kernel/competition/my_digits"):
        parse_and_run(NEW, ["my-digits"])
    assert list_files(tree) == before


@pytest.mark.parametrize("call_number", [1, 2])
def test_images_cut_short_leaves_neither_folder(
    tree: Path, call_number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list_files(tree)
    cut_at(monkeypatch, "rename", call_number, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        parse_and_run(NEW, ["my-digits"])
    assert list_files(tree) == before


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
    cut_at(monkeypatch, step, 3 if step == "write_text" else 1, end)
    with pytest.raises(end):
        parse_and_run(NEW, ["titanic", *SCRIPT])
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
