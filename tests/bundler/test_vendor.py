"""What of an installed distribution a bundle takes in, and which ones it refuses."""

from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.bundler.analysis.find_imports import find_imports
from lib.bundler.analysis.graph import Module
from lib.bundler.installed.compiled_parts import judge_compiled
from lib.bundler.installed.distributions import Installed, name_module
from lib.bundler.installed.vendor import Vendored, find_distribution
from lib.bundler.sources import parse_source
from tests.bundler.installed import install

SO = "cpython-311-x86_64-linux-gnu.so"
WHEEL = "cp311-cp311-manylinux_2_17_x86_64"


FILES = {"thing/__init__.py": "", "thing/py.typed": "", "thing/_fast.pyx": "", "thing/_fast.c": ""}


def find(folder: Path, name: str) -> Vendored:
    return find_distribution(name, Installed([str(folder)]))


def read_graph(files: dict[str, str]) -> dict[str, Module]:
    """Paths in a bundle and texts -> its modules, as a graph holds them."""
    modules = {}
    for path, text in files.items():
        name = name_module(path.removeprefix("vendor/")) if path != "entry.py" else "__main__"
        source = parse_source(path, text.encode(), path)
        package = name if source.is_package else name.rpartition(".")[0]
        findings = find_imports(source.tree, package, name == "__main__")
        modules[name] = Module(name, path, source, findings, ())
    return modules


def test_a_distribution_is_found_by_any_spelling(tmp_path: Path) -> None:
    install(tmp_path, "Some.Thing-more", {**FILES, "thing/words.txt": "a"})
    for name in ("some-thing-more", "Some_Thing.More", "SOME--thing_more"):
        found = find(tmp_path, name)
        assert (found.name, found.version) == ("Some.Thing-more", "1.2")
        assert found.folder == tmp_path
        assert found.files == ("thing/__init__.py", "thing/words.txt")
        assert found.tops == ("thing",)


def test_the_name_of_a_module_leads_to_its_only_distribution(tmp_path: Path) -> None:
    install(tmp_path, "PyThing", {"thing.py": ""})
    install(tmp_path, "one-of-two", {"shared/a.py": ""})
    install(tmp_path, "two-of-two", {"shared/b.py": ""})
    assert find(tmp_path, "thing").name == "PyThing"
    with pytest.raises(InputError, match="cure: --vendor one-of-two or --vendor two-of-two"):
        find(tmp_path, "shared")
    assert find(tmp_path, "shared.b").name == "two-of-two"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("json", "json is in the standard library; cure: leave out --vendor json"),
        ("cv2", "no distribution cv2 is installed; cure: pip install opencv-python"),
        ("scikit_lern", "cure: did you mean --vendor scikit-learn.* pip install scikit-lern"),
        ("thing==1.2", "is no distribution's name; cure: give its name alone"),
    ],
)
def test_what_is_not_there_is_refused_with_its_cure(tmp_path: Path, name: str, told: str) -> None:
    install(tmp_path, "scikit-learn", {"sklearn/__init__.py": ""})
    with pytest.raises(InputError, match=told):
        find(tmp_path, name)


def test_licence_texts_travel_wherever_they_lie(tmp_path: Path) -> None:
    files = {
        "thing/__init__.py": "",
        "thing/_copied/COPYING.LESSER": "text",
        "thing/license.py": "",
        "thing/noticeboard.txt": "",
    }
    info = {
        "LICENSE-MIT": "text",
        "AUTHORS.rst": "names",
        "licenses/inner/terms.txt": "text",
        "entry_points.txt": "[console_scripts]\nthing = thing:main\n[other.plugins]\nx = thing.x:y",
        "REQUESTED": "",
    }
    install(tmp_path, "thing", files, info=info)
    found = find(tmp_path, "thing")
    own = "thing-1.2.dist-info"
    assert found.notices == (
        f"{own}/AUTHORS.rst",
        f"{own}/LICENSE-MIT",
        f"{own}/METADATA",
        f"{own}/entry_points.txt",
        f"{own}/licenses/inner/terms.txt",
        "thing/_copied/COPYING.LESSER",
    )
    assert found.files == ("thing/__init__.py", "thing/license.py", "thing/noticeboard.txt")
    assert found.plugins == ("thing.x",)


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License: BSD\nLicense-Expression: BSD-3-Clause\n", "BSD-3-Clause"),
        ("License: MIT\nClassifier: License :: OSI Approved :: BSD License\n", "MIT"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("", ""),
    ],
)
def test_the_licence_is_what_the_metadata_state(
    tmp_path: Path, metadata: str, licence: str
) -> None:
    install(tmp_path, "thing", {"thing.py": ""}, metadata=metadata)
    found = find(tmp_path, "thing")
    assert found.licence == licence
    assert str(found) == f"thing 1.2 ({licence or 'its licence is not stated'})"
    assert found.facts["notices"] == ["vendor/thing-1.2.dist-info/METADATA"]


def test_an_editable_distribution_is_refused_with_its_folder(tmp_path: Path) -> None:
    """Past fault of the kind: sources of one's own that count as a package from elsewhere."""
    project = tmp_path / "my project"
    (project / "src").mkdir(parents=True)
    url = project.as_uri()
    direct = {"direct_url.json": f'{{"url": "{url}", "dir_info": {{"editable": true}}}}'}
    site = tmp_path / "site"
    install(site, "thing", {"_thing.pth": f"{project}/src\n"}, info=direct)
    install(site, "finder", {"__editable___finder.py": ""}, info=direct)
    for name in ("thing", "finder"):
        with pytest.raises(InputError, match=f"editable mode.*cure: --path {project}/src"):
            find(site, name)
    developed = tmp_path / "old" / "aged.egg-info"
    developed.mkdir(parents=True)
    (developed / "PKG-INFO").write_text("Name: aged\nVersion: 1\n")
    with pytest.raises(InputError, match=f"editable mode.*cure: --path {tmp_path}/old"):
        find(tmp_path / "old", "aged")


def test_a_wheel_of_programs_is_refused(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "site"
    outside = {"thing/__init__.py": "", "../../bin/thing": b"\x7fELF...", "../../bin/run": b"#!"}
    inside = {"tool/__init__.py": "", "tool/ffmpeg": b"\x7fELF..."}
    (tmp_path / "bin").mkdir()
    install(site, "thing", outside, tag="py3-none-manylinux_2_17_x86_64")
    install(site, "tool", inside, tag="py3-none-manylinux_2_17_x86_64")
    install(site, "launchers", {"launchers/__init__.py": "", "launchers/cli.exe": b"MZ..."})
    for name in ("thing", "tool"):
        with pytest.raises(InputError, match=r"program for manylinux.*cure: leave out --vendor"):
            find(site, name)
    assert find(site, "launchers").files[1] == "launchers/cli.exe"


FALLS_BACK = """\
try:
    from ._fast import work
except ImportError:
    from ._slow import work
"""


def test_a_compiled_part_is_left_out_where_its_import_is_caught(tmp_path: Path) -> None:
    files = {"thing/__init__.py": FALLS_BACK, "thing/_slow.py": "work = 1\n"}
    install(tmp_path, "thing", {**files, f"thing/_fast.{SO}": b"\x7fELF"}, tag=WHEEL)
    found = find(tmp_path, "thing")
    assert found.compiled == (f"thing/_fast.{SO}",)
    graph = {"entry.py": "import thing\n", **{f"vendor/{k}": v for k, v in files.items()}}
    told = judge_compiled([found], read_graph(graph))
    assert [str(one) for one in told] == [
        f"vendor/thing/__init__.py:2: runs without thing/_fast.{SO}, a compiled part of thing; "
        "cure: leave out --vendor thing where pip can install it"
    ]


CHAIN = """\
try:
    from .cyaml import *
except (AttributeError, ImportError):
    pass
"""


def test_a_module_that_fails_without_its_compiled_part_is_caught_further_up(
    tmp_path: Path,
) -> None:
    """As in PyYAML, where yaml.cyaml needs yaml._yaml and yaml can do without yaml.cyaml."""
    files = {"thing/__init__.py": CHAIN, "thing/cyaml.py": "from thing._thing import Parser\n"}
    install(tmp_path, "thing", {**files, "thing/_thing.abi3.so": b""}, tag=WHEEL)
    found = find(tmp_path, "thing")
    graph = {"entry.py": "import thing\n", **{f"vendor/{k}": v for k, v in files.items()}}
    told = judge_compiled([found], read_graph(graph))
    assert [(one.path, one.line) for one in told] == [("vendor/thing/__init__.py", 2)]
    graph["entry.py"] = "from thing.cyaml import Parser\n"
    with pytest.raises(InputError, match=r"^bundle: entry.py:1: thing cannot be taken in"):
        judge_compiled([found], read_graph(graph))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("from . import _fast\n", 1),
        ("import sys\nif sys.platform != 'win32':\n    from ._fast import work\n", 3),
        ("def work():\n    from thing import _fast\n    return _fast.work()\n", 2),
        (
            "try:\n    from . import _fast\nexcept ImportError as error:\n"
            "    raise ImportError('build it first') from error\n",
            2,
        ),
    ],
    ids=["always", "under an if", "in a function", "handler that raises"],
)
def test_a_compiled_part_that_is_needed_is_refused(tmp_path: Path, text: str, line: int) -> None:
    install(tmp_path, "thing", {"thing/__init__.py": text, f"thing/_fast.{SO}": b""}, tag=WHEEL)
    graph = read_graph({"entry.py": "import thing\n", "vendor/thing/__init__.py": text})
    with pytest.raises(InputError) as caught:
        judge_compiled([find(tmp_path, "thing")], graph)
    if line == 1:  # the module fails as a whole, and so does the entry
        assert "entry.py:1: thing cannot be taken in" in str(caught.value)
    else:
        assert f"vendor/thing/__init__.py:{line}: thing cannot be taken in" in str(caught.value)
    assert "cure: leave out --vendor thing, attach its wheel" in str(caught.value)


def test_a_compiled_module_beside_its_own_source_is_not_needed(tmp_path: Path) -> None:
    """As mypyc leaves it: charset_normalizer/md.py beside md.cpython-311-x86_64-linux-gnu.so."""
    files = {"thing/__init__.py": "from . import md\n", "thing/md.py": "x = 1\n"}
    compiled = {f"thing/md.{SO}": b"", f"81d2__mypyc.{SO}": b""}
    install(tmp_path, "thing", {**files, **compiled}, tag=WHEEL)
    found = find(tmp_path, "thing")
    assert found.replaced == (f"thing/md.{SO}",)
    assert f"thing/md.{SO}" not in found.files
    graph = {"entry.py": "import thing\n", **{f"vendor/{k}": v for k, v in files.items()}}
    told = judge_compiled([found], read_graph(graph))
    assert [(one.path, one.what) for one in told] == [
        ("vendor/thing/md.py", "runs as Python, and compiled where thing is installed")
    ]


def test_a_shared_library_that_is_opened_by_ctypes_is_refused(tmp_path: Path) -> None:
    text = "import ctypes\nlibrary = ctypes.CDLL('libthing.so')\n"
    install(tmp_path, "thing", {"thing/__init__.py": text, "thing/libthing.so": b""}, tag=WHEEL)
    graph = read_graph({"entry.py": "import thing\n", "vendor/thing/__init__.py": text})
    with pytest.raises(InputError, match=r"thing/__init__.py:1: thing opens a shared library"):
        judge_compiled([find(tmp_path, "thing")], graph)


def test_a_module_beside_the_entry_is_not_taken_for_the_vendored_one(tmp_path: Path) -> None:
    install(tmp_path, "thing", {"thing/md.py": "", f"thing/md.{SO}": b""}, tag=WHEEL)
    graph = read_graph({"entry.py": "import thing.md\n", "thing/md.py": ""})
    assert judge_compiled([find(tmp_path, "thing")], graph) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.py", "a.b"),
        ("a/__init__.py", "a"),
        (f"a/_c.{SO}", "a._c"),
        ("a/_c.abi3.so", "a._c"),
        ("a/_c.cp311-win_amd64.pyd", "a._c"),
        (f"a/__init__.{SO}", "a"),
        ("a-b.libs/libx-1.so.5", ""),
        ("a/words.txt", ""),
        ("a/not-a-name.py", ""),
    ],
)
def test_a_path_tells_its_module(path: str, name: str) -> None:
    assert name_module(path) == name
