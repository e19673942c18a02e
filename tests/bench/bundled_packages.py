"""Packages of PyPI -> bundles, with part of their own test suites run against these."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns, unpack_archive

from lib.bundler.bundle import build_bundle, write_bundle
from lib.bundler.entry import Entry


@dataclass(frozen=True)
class Package:
    """One package: its release, what is bundled of it, and which of its tests run."""

    release: str
    folders: tuple[str, ...]  # of the source distribution, that hold the top-level packages
    entry: str
    include: tuple[str, ...]
    tests: tuple[str, ...]  # paths in the source distribution


PACKAGES = (
    Package(
        "attrs==26.1.0",
        ("src/attr", "src/attrs"),
        "import attr\nimport attrs\n\nprint(attr.asdict(attrs.make_class('C', ['x'])(1)))\n",
        ("attr.*", "attrs.*"),
        ("tests/test_make.py", "tests/test_funcs.py", "tests/test_validators.py",
         "tests/test_filters.py", "tests/test_setattr.py", "tests/test_dunders.py"),
    ),
    Package(
        "jinja2==3.1.6",
        ("src/jinja2",),
        "import jinja2\n\nprint(jinja2.Template('{{ x }}').render(x=1))\n",
        ("jinja2.*",),
        ("tests/test_api.py", "tests/test_filters.py", "tests/test_inheritance.py",
         "tests/test_core_tags.py", "tests/test_loader.py", "tests/test_regression.py"),
    ),
    Package(
        "packaging==26.3",
        ("src/packaging",),
        "from packaging.version import Version\n\nprint(Version('1.0rc1'))\n",
        ("packaging.*",),
        ("tests/test_markers.py", "tests/test_requirements.py", "tests/test_utils.py"),
    ),
    Package(
        "markdown-it-py==4.3.0",
        ("markdown_it",),
        "from markdown_it import MarkdownIt\n\nprint(MarkdownIt().render('*a*'))\n",
        ("markdown_it.*",),
        ("tests/test_port/test_fixtures.py", "tests/test_port/test_misc.py",
         "tests/test_api/test_plugin_creation.py", "tests/test_api/test_token.py"),
    ),
    Package(
        "jsonschema==4.26.0",
        ("jsonschema",),
        "import jsonschema\n\njsonschema.validate(1, {'type': 'integer'})\nprint('valid')\n",
        ("jsonschema._*", "jsonschema.cli", "jsonschema.protocols"),
        ("jsonschema/tests/test_validators.py", "jsonschema/tests/test_format.py",
         "jsonschema/tests/test_types.py", "jsonschema/tests/test_utils.py"),
    ),
)  # fmt: skip

_PLUGIN = """
import runpy, sys

tops = {tops!r}
for name in [name for name in sys.modules if name.split(".")[0] in tops]:
    del sys.modules[name]
runpy.run_path({bundle!r}, run_name="bundle")


def pytest_sessionfinish(session):
    for top in tops:
        module = sys.modules[top]
        by_text = "__bundle__" in type(module.__loader__).__qualname__
        inside = by_text or {temporary!r} in module.__file__
        assert inside, module.__file__
"""


def run_real_packages(home: Path) -> None:
    """A folder -> one printed line per package: its bundle, and its own tests against it."""
    print(f"\n{'package':24} {'modules':>8} {'code':>5} {'bytes':>9}  its own tests", flush=True)
    for package in PACKAGES:
        print(_run_package(package, home / package.release), flush=True)


def _run_package(package: Package, home: Path) -> str:
    source = _fetch(package.release, home)
    beside = home / "beside"
    tops = []
    for folder in package.folders:
        tops.append(Path(folder).name)
        skipped = ignore_patterns("__pycache__", "tests")
        copytree(source / folder, beside / tops[-1], ignore=skipped)
    bundle = build_bundle(Entry(package.entry, "entry.py", beside, package.include))
    script = home / "alone" / "entry.py"
    write_bundle(bundle, script, home / "manifest.json")
    beside.rename(home / "moved away")
    subprocess.run([sys.executable, "-I", script], check=True, capture_output=True)
    forms = [one["form"] for one in bundle.manifest["inputs"]]
    said = _run_tests(package, source, script, tops)
    shown = f"{len(forms):>8} {forms.count('code') / len(forms):>5.0%} {len(bundle.text):>9,}"
    return f"{package.release:24} {shown}  {said}"


def _fetch(release: str, home: Path) -> Path:
    """A release -> its unpacked source distribution."""
    words = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(home)]
    command = [sys.executable, "-m", "pip", *words, release]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    (archive,) = home.glob("*.tar.gz")
    unpack_archive(archive, home / "source", filter="data")
    (folder,) = (home / "source").iterdir()
    return folder


def _run_tests(package: Package, source: Path, script: Path, tops: list[str]) -> str:
    """The package's tests, with its bundle in place of the package -> pytest's last line."""
    temporary = script.parent / "tmp"
    temporary.mkdir()
    text = _PLUGIN.format(tops=tops, bundle=str(script), temporary=str(temporary))
    (script.parent / "load_bundle.py").write_text(text)
    for folder in package.folders:  # nothing but the bundle may answer
        (source / folder).rename(source / f"{folder}.away")
    inside = f"{tops[0]}/tests"  # some packages hold their own tests
    tests = [source / test.replace(inside, f"{tops[0]}.away/tests") for test in package.tests]
    words = ["-q", "-p", "load_bundle", "-p", "no:cacheprovider", "--import-mode=importlib"]
    words += ["-c", "/dev/null", "--rootdir", str(source), "-W", "ignore"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *map(str, tests)],
        cwd=source,
        env={
            "PYTHONPATH": f"{script.parent}:{source / 'tests'}",
            "TMPDIR": str(temporary),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    (script.parent / "tests.log").write_text(done.stdout + done.stderr)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit {done.returncode}"
