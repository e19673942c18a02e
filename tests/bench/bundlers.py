"""Public bundlers and ours on the same packages -> a table of what passes, and what it costs.

    python -m tests.bench.bundlers [--real]

Every number comes from this one run. `--real` also bundles packages of PyPI and runs part of
their own test suites against the bundles (it downloads their sources).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipapp
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lib.base.errors import InputError
from lib.bundler.bundle import build_bundle, write_bundle
from lib.bundler.entry import Entry
from tests.bench.bundled_packages import run_real_packages
from tests.bundled import Outcome, Place
from tests.bundler.test_bundle import CASES, PLUGINS

Builder = Callable[[Path, Path], None]  # (folder with entry.py, output)
_STARTS = 15


@dataclass(frozen=True)
class Row:
    """One bundler in the table."""

    name: str
    passed: int
    failed: list[str]
    readable: float  # share of the modules' lines that stand in the output as they are
    same: bool  # equal bytes of equal sources in another folder
    build_s: float  # of the package of 50 modules
    start: float  # its start-up over that of the plain package, both without cached bytecode


def build_ours(folder: Path, out: Path) -> None:
    """The bundle in its default style."""
    _build_in_style("code", folder, out)


def build_ours_as_text(folder: Path, out: Path) -> None:
    """The bundle with its modules in raw strings."""
    _build_in_style("text", folder, out)


def _build_in_style(style: str, folder: Path, out: Path) -> None:
    include = PLUGINS if (folder / "lib" / "plugins").is_dir() else ()
    entry = Entry((folder / "entry.py").read_bytes(), "entry.py", folder, include, style)
    write_bundle(build_bundle(entry), out, out.with_suffix(".manifest.json"))


def build_stickytape(folder: Path, out: Path) -> None:
    """stickytape's own command."""
    more = ["--add-python-path", str(folder), "--output-file", str(out)]
    _call("stickytape", str(folder / "entry.py"), *more)


def build_scriptmerge(folder: Path, out: Path) -> None:
    """scriptmerge's compilepy."""
    more = ["--add-python-path", str(folder), "--output-file", str(out)]
    _call("scriptmerge", "compilepy", *more, str(folder / "entry.py"))


def build_pex(folder: Path, out: Path) -> None:
    """pex of the sources, without dependencies; the entry is a script in it."""
    words = ["--sources-directory", str(folder), "--executable", str(folder / "entry.py")]
    _call("pex", *words, "--inherit-path=fallback", "--output-file", str(out))


def build_zipapp(folder: Path, out: Path) -> None:
    """The standard library's zipapp, whose __main__ is the entry."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        (Path(copy) / "entry.py").rename(Path(copy) / "__main__.py")
        zipapp.create_archive(copy, out)


BUILDERS: dict[str, Builder] = {
    "this one": build_ours,
    "  --style text": build_ours_as_text,
    "stickytape": build_stickytape,
    "scriptmerge": build_scriptmerge,
    "pex": build_pex,
    "zipapp": build_zipapp,
}


def _call(tool: str, *words: str) -> None:
    command = [str(Path(sys.executable).with_name(tool)), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    """Both tables on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true", help="packages of PyPI as well")
    parser.add_argument("--only", default="", help="one bundler")
    options = parser.parse_args()
    head = (
        f"{'bundler':16} {'cases':>9} {'readable':>9} {'same':>5} {'build':>8} {'start':>7}  fails"
    )
    print(head, flush=True)
    expected: dict[str, list[Outcome]] = {}
    with tempfile.TemporaryDirectory() as name:
        for tool, build in BUILDERS.items():
            if options.only in tool:
                row = measure_bundler(tool, build, Path(name) / tool.strip(), expected)
                print(
                    f"{row.name:16} {row.passed:>3} of {len(CASES):>2} {row.readable:>8.0%} "
                    f"{'yes' if row.same else 'no':>5} {row.build_s:>6.2f} s {row.start:>6.2f}x  "
                    f"{' '.join(row.failed)}",
                    flush=True,
                )
        if options.real:
            run_real_packages(Path(name) / "real")


def measure_bundler(
    name: str, build: Builder, home: Path, expected: dict[str, list[Outcome]]
) -> Row:
    """A bundler, and what the cases print by themselves as far as known -> its Row."""
    failed = [case for case in CASES if not _passes(case, build, home / case, expected)]
    package = make_package(home / "fifty", 50)
    started = time.perf_counter()
    build(package, home / "fifty.py")
    build_s = time.perf_counter() - started
    again = shutil.copytree(package, home / "elsewhere" / "fifty")
    build(again, home / "elsewhere.py")
    one, other = ((home / file).read_bytes() for file in ("fifty.py", "elsewhere.py"))
    start = measure_start(package / "entry.py", home / "fifty.py")
    passed = len(CASES) - len(failed)
    return Row(name, passed, failed, measure_readable(package, one), one == other, build_s, start)


def _passes(case: str, build: Builder, home: Path, expected: dict[str, list[Outcome]]) -> bool:
    """Whether stdout, the lines of stderr and the exit codes are the sources' own."""
    place = Place(home, case)
    place.copy_sources()
    if case not in expected:
        expected[case] = [place.run_plain(*words) for words in CASES[case]]
    place.empty.mkdir()
    try:
        build(place.plain, place.empty / "entry.py")
        place.plain.rename(home / "moved away")
        got = [place.run_bundle(*words) for words in CASES[case]]
    except (subprocess.SubprocessError, OSError, ValueError, InputError):
        return False
    return got == expected[case]


def make_package(folder: Path, count: int) -> Path:
    """A number -> a package of as many modules of some 60 lines that import one another."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "__init__.py").write_text('"""Fifty modules."""\n')
    for number in range(count - 1):
        before = f"from lib.m{number - 1} import total as before\n" if number else "before = int\n"
        functions = [
            f"def step{k}(values, scale={k}):\n"
            f'    """Numbers -> their scaled sum, step {k} of module {number}."""\n'
            f"    result = {{}}\n"
            f"    for index, value in enumerate(values):\n"
            f"        if value % 2 == 0 and index > {k}:\n"
            f"            result[index] = [value * scale, str(value), (index, value)]\n"
            f"    return sum(len(one) for one in result.values())\n\n\n"
            for k in range(6)
        ]
        text = "import dataclasses\nimport json\nfrom pathlib import Path\n\n" + before + "\n\n"
        text += "".join(functions) + f"def total():\n    return step0([]) + before() + {number}\n"
        (folder / "lib" / f"m{number}.py").write_text(text)
    (folder / "entry.py").write_text(f"from lib.m{count - 2} import total\n\nprint(total())\n")
    return folder


def measure_readable(package: Path, output: bytes) -> float:
    """A package and a bundle -> the share of lines that a reader of the bundle finds in it."""
    shown = {line.strip() for line in output.split(b"\n")}
    lines = [
        line.strip()
        for file in sorted(package.rglob("*.py"))
        for line in file.read_bytes().split(b"\n")
        if line.strip()
    ]
    return sum(line in shown for line in lines) / len(lines)


def measure_start(plain: Path, bundle: Path) -> float:
    """Two scripts -> the ratio of their median start-up, taken in turns, no bytecode cached.

    CPU seconds of the process and its children: on a busy machine wall time tells of others.
    """
    times: dict[Path, list[float]] = {plain: [], bundle: []}
    for _ in range(_STARTS):
        for script, taken in times.items():
            taken.append(_start_once(script))
    return statistics.median(times[bundle]) / statistics.median(times[plain])


def _start_once(script: Path) -> float:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    command = [sys.executable, str(script)]
    child = os.posix_spawn(sys.executable, command, environment, file_actions=silent)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{script} failed when its start-up was measured")
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
