"""Bundles that hold installed distributions, run where no site-packages can be reached."""

import subprocess
import sys
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import Bundle, build_bundle, write_bundle
from lib.bundler.entry import Entry
from tests.bundler.installed import install

PROGRAMS = {
    "packaging": "from packaging.version import Version\nprint(Version('1.10') > Version('1.9'))\n",
    "six": "import six\nfrom six.moves import urllib\nprint(six.PY3, urllib.parse.quote('a b'))\n",
    "attrs": "import attrs\n@attrs.define\nclass A:\n    x: int = 1\nprint(A(), attrs.NOTHING)\n",
    "jinja2 markupsafe": "import jinja2\nprint(jinja2.Template('{{ x|e }}').render(x='<a>'))\n",
    "pyyaml": "import yaml\nprint(yaml.safe_load('a: [1, 2]'), yaml.dump({'b': None}))\n",
    "pluggy": "import pluggy\nprint(pluggy.PluginManager('m').get_plugins())\n",
    "python-dateutil six": "from dateutil.parser import parse\nprint(parse('1 May 2020'))\n",
}
FALLBACKS = {
    "jinja2 markupsafe": "vendor/markupsafe/__init__.py",
    "pyyaml": "vendor/yaml/__init__.py",
}


def bundle(folder: Path, text: str, *vendor: str, **options: object) -> Bundle:
    """Builds empty/main.py out of program/main.py."""
    for name in ("program", "empty"):
        (folder / name).mkdir(exist_ok=True)
    entry = Entry(text, "main.py", folder / "program", vendor=vendor, **options)  # type: ignore[arg-type]
    made = build_bundle(entry)
    write_bundle(made.text, made.manifest, folder / "empty" / "main.py", folder / "manifest.json")
    return made


def run(folder: Path, *flags: str) -> str:
    """Runs empty/main.py without site-packages; tells what it prints."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    words = [sys.executable, "-S", "-I", *flags, "main.py"]
    place = {"cwd": folder / "empty", "env": {"TMPDIR": str(temporary)}}
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False, **place)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("names", PROGRAMS)
def test_a_program_runs_without_its_installed_packages(names: str, tmp_path: Path) -> None:
    text = PROGRAMS[names]
    plain = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    made = bundle(tmp_path, text, *names.split())
    assert run(tmp_path) == plain.stdout
    told = {one.path for one in made.differences}
    assert told == ({FALLBACKS[names]} if names in FALLBACKS else set())


def test_name_version_and_licence_stand_in_the_head_and_the_manifest(tmp_path: Path) -> None:
    made = bundle(tmp_path, PROGRAMS["six"], "six")
    (facts,) = made.manifest["vendored"]
    assert facts["name"] == "six"
    assert facts["licence"] == "MIT"
    assert f"#   six {facts['version']} (MIT)\n" in made.text
    held = {one["path"] for one in made.manifest["inputs"]}
    assert set(facts["notices"]) <= held
    assert any(path.endswith("/LICENSE") for path in held)
    assert "Permission is hereby granted, free of charge" in made.text
    assert not any(path.endswith("RECORD") for path in held)


def test_a_program_may_ask_for_the_version_of_what_it_holds(tmp_path: Path) -> None:
    text = (
        "from importlib.metadata import version, metadata\nimport packaging\n"
        "print(version('packaging'), metadata('packaging')['Name'])\n"
    )
    plain = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    made = bundle(tmp_path, text, "packaging")
    assert "importlib.metadata" in made.manifest["unpacked_because"]
    assert run(tmp_path) == plain.stdout


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, in front of others."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_a_program_with_a_folder_called_vendor_keeps_it(tmp_path: Path, site: Path) -> None:
    install(site, "thing", {"thing.py": "x = 'installed'\n"})
    own = tmp_path / "program" / "vendor"
    own.mkdir(parents=True)
    (own / "thing.py").write_text("x = 'own'\n")
    bundle(
        tmp_path, "import thing\nfrom vendor import thing as own\nprint(thing.x, own.x)\n", "thing"
    )
    assert run(tmp_path) == "installed own\n"


def test_a_module_beside_the_entry_comes_first(tmp_path: Path, site: Path) -> None:
    install(site, "thing", {"thing.py": "x = 'installed'\n", "more.py": "from thing import x\n"})
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "thing.py").write_text("x = 'own'\n")
    bundle(tmp_path, "import more\nprint(more.x)\n", "thing")
    assert run(tmp_path) == "own\n"


def test_plugins_and_what_nothing_imports_are_taken_whole(tmp_path: Path, site: Path) -> None:
    info = {"entry_points.txt": "[my.plugins]\nfast = plug.deep.fast:Fast\n"}
    files = {
        "plug/__init__.py": "",
        "plug/deep/__init__.py": "",
        "plug/deep/fast.py": "class Fast:\n    speed = 3\n",
        "plug/tests/test_it.py": "raise RuntimeError\n",
    }
    install(site, "plug", files, info=info)
    text = (
        "from importlib.metadata import entry_points\n"
        "for one in entry_points(group='my.plugins'):\n    print(one.name, one.load().speed)\n"
    )
    made = bundle(tmp_path, text, "plug")
    assert run(tmp_path) == "fast 3\n"
    assert not any("tests" in one["path"] for one in made.manifest["inputs"])


def test_data_of_a_distribution_travels(tmp_path: Path, site: Path) -> None:
    files = {
        "thing/__init__.py": "from importlib.resources import files\n"
        "text = files(__name__).joinpath('words.txt').read_text()\n",
        "thing/words.txt": "one two",
        "thing/LICENSE.font": "text",
        "thing/_fast.c": "int x;",
    }
    install(site, "thing", files)
    (site / "thing" / "left over.txt").write_text("no part of it")
    made = bundle(tmp_path, "import thing\nprint(thing.text)\n", "thing")
    assert run(tmp_path) == "one two\n"
    held = {one["path"] for one in made.manifest["inputs"]}
    assert held == {
        "main.py",
        "vendor/thing/__init__.py",
        "vendor/thing/words.txt",
        "vendor/thing/LICENSE.font",
        "vendor/thing-1.2.dist-info/METADATA",
    }


def test_a_folder_that_distributions_share_stays_shared(tmp_path: Path, site: Path) -> None:
    install(site, "space-one", {"space/one.py": "x = 1\n"})
    install(site, "space-two", {"space/two.py": "x = 2\n"})
    text = (
        "from space import one\ntry:\n    from space.two import x\nexcept ImportError:\n    x = 0\n"
    )
    made = bundle(tmp_path, f"{text}print(one.x, x)\n", "space-one")
    held = {one["path"] for one in made.manifest["inputs"]}
    assert "vendor/space/one.py" in held
    assert "vendor/space/two.py" not in held
    assert "share vendor/space/" in made.manifest["unpacked_because"]
    assert run(tmp_path) == "1 0\n"


def test_a_library_of_the_standard_librarys_name_is_not_imported(
    tmp_path: Path, site: Path
) -> None:
    install(site, "backports-json", {"json/__init__.py": "raise RuntimeError\n", "j.py": "x = 1\n"})
    bundle(tmp_path, "import json, j\nprint(json.dumps([j.x]))\n", "backports-json")
    assert run(tmp_path) == "[1]\n"


def test_a_compiled_distribution_is_refused_at_bundling_time(tmp_path: Path) -> None:
    problem = "psutil cannot be taken in: this needs its compiled part"
    cure = "cure: leave out --vendor psutil: Kaggle's image has it"
    with pytest.raises(InputError, match=f"{problem} .*; {cure}"):
        bundle(tmp_path, "import psutil\n", "psutil")


def test_dependencies_are_those_that_were_not_taken_in(tmp_path: Path) -> None:
    text = "#!/usr/bin/env python3\nimport jinja2\nprint(jinja2)\n"
    made = bundle(tmp_path, text, "jinja2", pep723=True)
    lines = made.text.split("\n")
    assert lines[0] == "#!/usr/bin/env python3"
    assert lines[1] == "# /// script"
    assert '#     "markupsafe",' in lines
    assert '#     "jinja2",' not in lines
