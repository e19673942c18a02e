"""Where a bundle lies and how Python was called: flags, folders, links and names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundled import Place, bound_by_permissions


@pytest.mark.parametrize("case", ["imports", "namespace", "pickling", "uncaught", "processes"])
def test_isolated_python(case: str, tmp_path: Path) -> None:
    """`python -I` does not look beside the script; a bundle needs nothing that lies there."""
    words = ("spawn",) if case == "processes" else ()
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = place.run_plain(*words)
    place.bundle()
    assert place.run_bundle(*words, flags=("-I",)) == expected
    assert place.run_bundle(*words, flags=("-S", "-E", "-s")) == expected


@pytest.mark.parametrize("flag", ["-O", "-OO"])
@pytest.mark.parametrize("case", ["optimised", "exits"])
def test_optimised_python(flag: str, case: str, tmp_path: Path) -> None:
    words = ("assert",) if case == "exits" else ()
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = place.run_plain(*words, flags=(flag,))
    for style in ("code", "text", "disk"):
        place.bundle(style)
        assert place.run_bundle(*words, flags=(flag,)) == expected
        (place.home / "moved away").rename(place.plain)


def test_warnings_as_errors(tmp_path: Path) -> None:
    """The runtime itself gives no cause for a warning."""
    place = Place(tmp_path, "main_guard")
    place.copy_sources()
    expected = place.run_plain(flags=("-Werror",))
    place.bundle()
    assert place.run_bundle(flags=("-Werror", "-bb", "-Xdev")) == expected


@pytest.mark.parametrize("case", ["imports", "uncaught", "processes"])
def test_read_only_folder_and_no_temporary_one(case: str, tmp_path: Path) -> None:
    """A bundle of plain modules writes nothing, neither beside itself nor elsewhere."""
    prefix = bound_by_permissions()
    words = ("fork",) if case == "processes" else ()
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = place.run_plain(*words)
    place.bundle()
    closed = (place.empty, tmp_path / "tmp")
    before = sorted(os.walk(tmp_path))
    try:
        for folder in closed:
            folder.chmod(0o555)
            touch = subprocess.run([*prefix, "touch", folder / "x"], capture_output=True)
            assert touch.returncode, "the folder is not read-only for this user"
        assert place.run_bundle(*words, prefix=prefix) == expected
    finally:
        for folder in closed:
            folder.chmod(0o755)
    assert sorted(os.walk(tmp_path)) == before


@pytest.mark.parametrize("case", ["data", "uncaught", "processes", "again"])
def test_name_with_spaces_and_letters_beyond_ascii(case: str, tmp_path: Path) -> None:
    words = ("spawn",) if case == "processes" else ()
    place = Place(tmp_path / "größe und 空白 [x]", case)
    place.copy_sources()
    expected = place.run_plain(*words)
    place.bundle()
    assert place.run_bundle(*words) == expected


@pytest.mark.parametrize("case", ["imports", "uncaught", "data", "sources"])
def test_symlinked_script(case: str, tmp_path: Path) -> None:
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = place.run_plain()
    place.bundle()
    links = tmp_path / "links"
    links.mkdir()
    (links / "entry.py").symlink_to(place.empty / "entry.py")
    got = place.run(links, links / "entry.py", ())
    assert got.exit_code == expected.exit_code
    assert got.stdout == expected.stdout
    assert got.stderr.replace(str(place.empty), "ROOT") == expected.stderr


@pytest.mark.parametrize("case", ["uncaught", "threads", "warns", "sources", "processes"])
def test_another_name_for_the_script(case: str, tmp_path: Path) -> None:
    """Tracebacks name the entry, however its bundle is called."""
    words = ("spawn",) if case == "processes" else ()
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = place.run_plain(*words)
    place.bundle()
    other = (place.empty / "entry.py").rename(place.empty / "kernel 2.py")
    assert place.run(place.empty, other, words) == expected


def test_files_beside_the_bundle_do_not_hide_its_modules(tmp_path: Path) -> None:
    place = Place(tmp_path, "imports")
    place.copy_sources()
    expected = place.run_plain()
    place.bundle()
    (place.empty / "lib").mkdir()
    (place.empty / "lib" / "__init__.py").write_text("raise RuntimeError('another lib')\n")
    (place.empty / "lib" / "words.py").write_text("HELLO = 'another'\n")
    assert place.run_bundle() == expected


def test_unpacked_files_are_repaired(tmp_path: Path) -> None:
    """What a cleaner took from the temporary folder, or a program changed there, is put back."""
    place = Place(tmp_path, "data")
    place.copy_sources()
    expected = place.run_plain()
    place.bundle()
    assert place.run_bundle() == expected
    (words,) = tmp_path.glob("tmp/*/lib/words.txt")
    words.write_text("changed")
    (page,) = tmp_path.glob("tmp/*/lib/templates/page.html")
    page.unlink()
    assert place.run_bundle() == expected


def test_imported_as_a_module_it_only_offers_its_packages(tmp_path: Path) -> None:
    """Tests of a package can run against its bundle: load it, and its modules import from it."""
    place = Place(tmp_path, "main_guard")
    place.copy_sources()
    place.bundle()
    program = (
        "import runpy, sys\n"
        "runpy.run_path('entry.py', run_name='bundle')\n"
        "import lib.guarded\n"
        "print(lib.guarded.who(), type(lib.guarded.__loader__).__qualname__)\n"
        "print(sys.excepthook is sys.__excepthook__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=place.empty, capture_output=True, text=True, check=True
    )
    assert done.stdout == "lib.guarded __bundle__.<locals>.Loader\nTrue\n"
