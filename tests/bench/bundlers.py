"""Public bundlers and ours on the same packages -> a table of what passes, and what it costs.

    python -m tests.bench.bundlers [--real] [--only NAME]

Every number comes from this one run; seconds are those of the CPU. `--real` also bundles packages
of PyPI with part of their own test suites as the program (it downloads their sources).
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.bench.builders import BUILDERS, REFUSALS, Builder
from tests.bench.bundled_packages import run_real_packages
from tests.bench.cpu_seconds import measure_call, measure_start
from tests.bench.shown_as_code import measure_code
from tests.bundled import Outcome, Place
from tests.bundler.test_bundle import CASES

_LIMIT_S = 30  # of a run; what takes longer hangs
_HEAD = f"{'bundler':16} {'cases':>9} {'build':>8} {'start':>7} {'code':>5} {'same':>5}  fails"


def main() -> None:
    """Both tables on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true", help="packages of PyPI as well")
    parser.add_argument("--only", default="", help="one bundler, or with --real one package")
    options = parser.parse_args()
    chosen = {name: build for name, build in BUILDERS.items() if options.only in name}
    with tempfile.TemporaryDirectory() as name:
        expected: dict[str, list[Outcome]] = {}
        print(*([_HEAD] if chosen else []), flush=True)
        for tool, build in chosen.items():
            print(measure_bundler(tool, build, Path(name) / tool, expected), flush=True)
        if options.real:
            run_real_packages(Path(name) / "real", options.only)


def measure_bundler(
    name: str, build: Builder, home: Path, expected: dict[str, list[Outcome]]
) -> str:
    """A bundler, and what the cases print by themselves as far as known -> its row."""
    failed = [case for case in CASES if not _passes(case, build, home / case, expected)]
    passed = f"{len(CASES) - len(failed)} of {len(CASES)}"
    package = make_package(home / "fifty", 50)
    try:
        costs = measure_costs(build, package, home / "fifty.py")
    except (*REFUSALS, RuntimeError):
        costs = f"{'fails on the 50 modules':>28}"
    return f"{name:16} {passed:>9} {costs}  {' '.join(failed)}"


def measure_costs(build: Builder, package: Path, out: Path) -> str:
    """A package of 50 modules -> build, start-up, code, and whether bytes repeat.

    The start-up is a multiple of that of the plain package, both without cached bytecode.
    """
    build_s = measure_call(lambda: build(package, out))
    again = shutil.copytree(package, out.parent / "elsewhere" / package.name)
    build(again, out.with_stem("again"))
    same = out.read_bytes() == out.with_stem("again").read_bytes()
    (start,) = measure_start(package / "entry.py", [out])
    code = measure_code(sorted(package.rglob("*.py")), out)
    return f"{build_s:>6.2f} s {start:>6.2f}x {code:>5.0%} {'yes' if same else 'no':>5}"


def _passes(case: str, build: Builder, home: Path, expected: dict[str, list[Outcome]]) -> bool:
    """Whether stdout, the lines of stderr and the exit codes are the sources' own."""
    place = Place(home, case, limit_s=_LIMIT_S)
    place.copy_sources()
    if case not in expected:
        expected[case] = [place.run_plain(*words) for words in CASES[case]]
    place.empty.mkdir()
    try:
        build(place.plain, place.empty / "entry.py")
        place.plain.rename(home / "moved away")
        got = [place.run_bundle(*words) for words in CASES[case]]
    except REFUSALS:
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


if __name__ == "__main__":
    main()
