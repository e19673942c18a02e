"""`make release`: the bundler in one script does what build.py does, and pip and uvx give it."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

import build
from tests.bundled import CASES as CASES_FOLDER
from tests.bundler.test_bundle import CASES, PLUGINS
from tests.interpreters import find_python
from tests.local_runs import ROOT, copy_sources

MORE_SOURCES = ("Makefile", "pyproject.toml", "README.md", "requirements.txt")
VERSIONS = ("3.11", "3.12", "3.13")
PLAIN = ("-I", "-S")  # no packages, no environment of ours
each_version = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make release` writes in a copy of the sources."""
    return make_release(tmp_path_factory.mktemp("release") / "one")


def make_release(copy: Path) -> Path:
    """A new folder -> the folder in it that `make release` filled from a copy of the sources."""
    if shutil.which("make") is None or find_spec("hatchling") is None:
        pytest.skip("make release needs make, and hatchling of requirements.txt")
    copy_sources(copy)
    for name in MORE_SOURCES:
        shutil.copy2(ROOT / name, copy / name)
    bin_folder = Path(sys.executable).parent
    run(["make", "release", "-o", "venv", f"BIN={bin_folder}"], copy)
    return copy / "dist"


def run(words: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder, without what tells Python of this checkout; it must succeed."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Case -> its bundle by build.py."""
    home = tmp_path_factory.mktemp("expected")
    bundles = {}
    for case in CASES:
        assert build.main(["bundle", *list_words(case, home / f"{case}.py")]) == 0
        bundles[case] = (home / f"{case}.py").read_bytes()
    return bundles


def list_words(case: str, output: Path) -> list[str]:
    include = [f"--include={glob}" for glob in PLUGINS if case == "dynamic"]
    return [str(CASES_FOLDER / case / "entry.py"), "-o", str(output), *include]


@pytest.mark.slow
@each_version
def test_the_script_bundles_each_case_as_build_py_does(
    version: str, dist: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Nothing but the script is there, and plain Python."""
    python = find_python(version)
    shutil.copy(dist / "kernelpress.py", tmp_path)
    (tmp_path / "out").mkdir()
    for case in CASES:
        words = list_words(case, tmp_path / "out" / f"{case}.py")
        done = run([python, *PLAIN, "kernelpress.py", "bundle", *words], tmp_path)
        assert done.stderr == ""
        assert (tmp_path / "out" / f"{case}.py").read_bytes() == expected[case], case


@each_version
def test_the_script_checks_and_unbundles_what_it_bundled(
    version: str, dist: Path, tmp_path: Path
) -> None:
    """An edit in the bundle is told by the one, and given back by the other."""
    tool = [find_python(version), *PLAIN, dist / "kernelpress.py"]
    sources = tmp_path / "sources"
    shutil.copytree(CASES_FOLDER / "imports", sources, ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / "empty").mkdir()
    run([*tool, "bundle", "../sources/entry.py", "-o", "one.py"], tmp_path / "empty")
    run([*tool, "check", "one.py"], tmp_path / "empty")
    run([*tool, "unbundle", "one.py", "-o", "found"], tmp_path / "empty")
    files = [path for path in (tmp_path / "empty" / "found").rglob("*") if path.is_file()]
    assert len(files) > 2
    for path in files:
        source = sources / path.relative_to(tmp_path / "empty" / "found")
        assert path.read_bytes() == source.read_bytes()
    bundle = tmp_path / "empty" / "one.py"
    end = "# ---- end of entry.py"
    bundle.write_text(bundle.read_text().replace(end, f"    print()\n{end}"))
    run([*tool, "unbundle", "one.py", "--into", "../sources"], tmp_path / "empty")
    assert (sources / "entry.py").read_text().endswith("\nprint()\n")


def test_two_builds_are_equal(dist: Path, tmp_path: Path) -> None:
    again = make_release(tmp_path / "another folder")
    names = sorted(path.name for path in dist.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert len(names) == 3, "the script, its manifest and the wheel"
    for name in names:
        assert (dist / name).read_bytes() == (again / name).read_bytes(), name


def test_the_script_holds_the_bundler_alone(dist: Path) -> None:
    text = (dist / "kernelpress.py").read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env python3\n")
    assert (dist / "kernelpress.py").stat().st_mode & 0o111 == 0o111
    banners = [line.split()[2] for line in text.splitlines() if line.startswith("# ==== lib/")]
    rooms = {path.split("/")[1] for path in banners if path.count("/") > 1}
    assert rooms == {"base", "bundler", "commands"}


def test_the_wheel_holds_the_script_alone(dist: Path) -> None:
    (wheel,) = dist.glob("kernelpress-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert [name.partition(".data/")[2] for name in names] == ["scripts/kernelpress"]
        script = archive.read(names[0])
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in archive.namelist())
    assert script.split(b"\n", 1)[0] == b"#!python", "what pip puts the interpreter's path for"
    assert script.split(b"\n", 1)[1] == (dist / "kernelpress.py").read_bytes().split(b"\n", 1)[1]


@each_version
def test_pip_installs_the_command_and_no_package(
    version: str, dist: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    run([find_python(version), "-m", "venv", "--without-pip", "environment"], tmp_path)
    python = tmp_path / "environment" / "bin" / "python"
    install = ["--python", python, "install", "--no-index", "--no-deps"]
    run([sys.executable, "-m", "pip", *install, *dist.glob("*.whl")], tmp_path)
    command = python.with_name("kernelpress")
    assert "kernelpress bundle" in run([command, "--help"], tmp_path).stdout
    done = run([command, "bundle", *list_words("imports", tmp_path / "out.py")], tmp_path)
    assert done.stderr == "", "it does not take itself for an edited script"
    assert (tmp_path / "out.py").read_bytes() == expected["imports"]
    missing = "import importlib.util as u; print([u.find_spec(n) for n in ('lib', 'kernelpress')])"
    assert run([python, "-c", missing], tmp_path).stdout == "[None, None]\n"


def test_uvx_runs_the_wheel_without_a_network(dist: Path, tmp_path: Path) -> None:
    uvx = Path(sys.executable).with_name("uvx")
    if not uvx.exists():
        pytest.skip("there is no uvx; it comes with uv of requirements.txt")
    (wheel,) = dist.glob("*.whl")
    words = ["--offline", "--python", find_python("3.12"), "--from", str(wheel), "kernelpress"]
    assert "kernelpress bundle" in run([uvx, *words, "--help"], tmp_path).stdout
