"""Each case of tests/bundles behaves the same by itself and as one file in an empty folder."""

from pathlib import Path

import pytest

from tests.bundled import Place
from tests.interpreters import find_python

PLUGINS = ("lib.plugins.*",)
# case: the words after the script's name, one run each
CASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "again": ((),),
    "children": ((),),
    "circular": ((),),
    "data": ((),),
    "dynamic": ((),),
    "exits": (("0",), ("3",), ("text",), ("none",), ("signal",), ("assert",), ("abrupt",)),
    "future": ((),),
    "hints": ((),),
    "import_fails": ((),),
    "imports": ((),),
    "lazy": ((),),
    "main_guard": (("a", "b c"),),
    "namespace": ((),),
    "optimised": ((),),
    "pickling": ((),),
    "processes": (("spawn",), ("forkserver",), ("fork",)),
    "reexports": ((),),
    "runs": ((),),
    "same_names": ((),),
    "sources": ((),),
    "state": ((),),
    "stdlib_names": ((),),
    "threads": ((),),
    "type_checking": ((),),
    "uncaught": ((),),
    "unreached": ((),),
    "warns": ((),),
}
STYLES = ("code", "text", "disk")


@pytest.mark.parametrize("case", CASES)
def test_bundle_behaves_as_its_sources(case: str, tmp_path: Path) -> None:
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = [place.run_plain(*words) for words in CASES[case]]
    for style in STYLES[:: 2 if case == "processes" else 1]:
        place.bundle(style, PLUGINS if case == "dynamic" else ())
        got = [place.run_bundle(*words) for words in CASES[case]]
        assert got == expected, style
        (place.home / "moved away").rename(place.plain)


@pytest.mark.parametrize("version", ["3.12", "3.13"])
@pytest.mark.parametrize("case", CASES)
def test_bundle_behaves_so_on_another_python(case: str, version: str, tmp_path: Path) -> None:
    place = Place(tmp_path, case, find_python(version))
    place.copy_sources()
    expected = [place.run_plain(*words) for words in CASES[case]]
    place.bundle("code", PLUGINS if case == "dynamic" else ())
    assert [place.run_bundle(*words) for words in CASES[case]] == expected
