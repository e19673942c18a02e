"""Inputs and outputs that cannot be what they were named for: two lines, at once, exit code 2."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import build
from lib.base.errors import InputError
from lib.base.places import (
    check_input_file,
    check_input_place,
    check_output_folder,
)
from lib.commands.options import Parser
from lib.commands.output_file import check_output_file
from lib.kernel.competition.gan_challenge.submission import write_submission
from tests.bundled import CASES, bound_by_permissions
from tests.local_runs import ROOT, call, copy_sources, write_input


def bind(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # a socket's address is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


MAKERS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "file": lambda path: path.write_bytes(b"x"),
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": bind,
    "device": lambda path: path.symlink_to("/dev/null"),
    "loop": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("nowhere"),
    "below a file": lambda path: path.write_bytes(b"x"),
    "too long": lambda path: None,
    "in proc": lambda path: None,
}
NEVER = {"pipe", "socket", "device", "loop", "dangling", "below a file", "too long"}


def make(folder: Path, kind: str) -> Path:
    path = folder / "place"
    MAKERS[kind](path)
    names = {"below a file": path / "below", "too long": folder / ("x" * 300)}
    return {**names, "in proc": Path("/proc/new/place")}.get(kind, path)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("check", "accepted"),
    [
        (check_input_file, {"file"}),
        (check_input_place, {"file", "folder"}),
        (check_output_folder, {"missing", "folder"}),
        (check_output_file, {"missing", "file"}),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_each_kind_of_place(
    tmp_path: Path, kind: str, check: Callable[[str, Path], Path], accepted: set[str]
) -> None:
    path = make(tmp_path, kind)
    before = sorted(tmp_path.iterdir()), tmp_path.stat().st_mtime_ns
    if kind in accepted:
        assert check("test", path) == path
    else:
        with pytest.raises(InputError) as refused:
            check("test", path)
        assert len(str(refused.value).splitlines()) == 2
        assert path.name in str(refused.value)
    assert (sorted(tmp_path.iterdir()), tmp_path.stat().st_mtime_ns) == before


ENTRY = str(CASES / "imports" / "entry.py")
BUNDLE = str(ROOT / "tests" / "bundler" / "cases" / "small.bundle.txt")
COMMANDS: dict[str, tuple[list[str], str, str]] = {  # words, of which one is the place to be tried
    "run --input": (["run", "--input", "PLACE", "--output", "NEW"], "input", "folder"),
    "run --output": (["run", "--input", "SHARDS", "--output", "PLACE"], "output", "folder"),
    "decode --input": (["decode", "--input", "PLACE", "--output", "NEW"], "input", "folder"),
    "decode --output": (["decode", "--input", "SHARDS", "--output", "PLACE"], "output", "folder"),
    "audit --input": (["audit", "--input", "PLACE", "--output", "NEW"], "input", "folder"),
    "audit --output": (["audit", "--input", "SHARDS", "--output", "PLACE"], "output", "folder"),
    "audit --weights": (
        ["audit", "--input", "SHARDS", "--output", "NEW", "--weights", "PLACE"],
        *("input", "file"),
    ),
    "synth --output": (["synth", "--records", "2", "--output", "PLACE"], "output", "folder"),
    "synth --source": (
        ["synth", "--kind", "fashion", "--source", "PLACE", "--output", "NEW"],
        *("input", "folder"),
    ),
    "bundle ENTRY.py": (["bundle", "PLACE", "-o", "NEW"], "input", "file"),
    "bundle --path": (["bundle", ENTRY, "--path", "PLACE", "-o", "NEW"], "input", "folder"),
    "bundle -o": (["bundle", ENTRY, "-o", "PLACE"], "output", "file"),
    "unbundle FILE": (["unbundle", "PLACE"], "input", "file"),
    "unbundle -o": (["unbundle", BUNDLE, "-o", "PLACE"], "output", "folder"),
    "unbundle --into": (["unbundle", BUNDLE, "--into", "PLACE"], "input", "folder"),
    "check FILE": (["check", "PLACE"], "input", "file"),
    "score SUBMISSION.csv": (["score", "PLACE", "--real", "NPY"], "input", "file"),
    "score --real": (["score", "CSV", "--real", "PLACE"], "input", "folder"),
    "score --weights": (
        ["score", "CSV", "--real", "SHARDS", "--weights", "PLACE"],
        *("input", "file"),
    ),
    "curate POOL": (["curate", "PLACE", "--real", "NPY", "-o", "NEW"], "input", "folder"),
    "curate --weights": (
        ["curate", "SHARDS", "--real", "NPY", "-o", "NEW", "-n", "5", "--weights", "PLACE"],
        *("input", "file"),
    ),
    "curate --real": (["curate", "NPY", "--real", "PLACE", "-o", "NEW"], "input", "folder"),
    "curate -o": (["curate", "NPY", "--real", "NPY", "-n", "5", "-o", "PLACE"], "output", "file"),
    "features IMAGES": (["features", "PLACE", "-o", "NEW"], "input", "folder"),
    "features -o": (["features", "SHARDS", "-o", "PLACE"], "output", "file"),
    "features --weights": (
        ["features", "SHARDS", "-o", "NEW", "--weights", "PLACE"],
        *("input", "file"),
    ),
    "verify OUTPUT": (["verify", "PLACE"], "input", "folder"),
    "verify --weights": (["verify", "SHARDS", "--weights", "PLACE"], "input", "file"),
    "board --output": (["board", "--output", "PLACE"], "output", "file"),
    **{
        f"{name} --entry": ([name, "--entry", "PLACE", *more], "input", "file")
        for name, *more in (
            *(("init", "--owner", "ada"), ("doctor",), ("push",), ("watch",), ("fetch",)),
            *(("submit", "-m", "x"), ("runs",), ("weights",)),
        )
    },
    "push --path": (["push", "--entry", ENTRY, "--path", "PLACE"], "input", "folder"),
    "weights FILE": (["weights", "PLACE"], "input", "file"),
    "build --weights": (["build", "--weights", "PLACE"], "input", "file"),
}


def list_wrong(side: str, kind: str) -> list[str]:
    """Which way the place is used, and what it may be -> the kinds that are refused for that."""
    other = "file" if kind == "folder" and side == "output" else "folder"
    wrong = NEVER | ({"missing"} if side == "input" else {"in proc"})
    return sorted(wrong | ({other} if (side, kind) != ("input", "folder") else set()))


def test_no_place_that_a_command_asks_for_is_left_out() -> None:
    """Those of the loop with Kaggle ask for none but by --weights, which all read in one way."""
    asked = set()
    for name in build.COMMANDS:
        parser = Parser(name, "")
        build.load_command(name).add_options(parser)
        for action in parser._actions:
            metavar = str(action.metavar)
            if action.type is Path or metavar in ("DIR", "FILE", "PLACE") or "." in metavar:
                asked.add(f"{name} {[*action.option_strings, metavar][0]}")
    assert asked - {f"{name} --weights" for name in ("run", "push", "sweep")} == COMMANDS.keys()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_input(tmp_path_factory.mktemp("input"))


@pytest.mark.parametrize(
    ("command", "kind"),
    [(name, kind) for name, (_, *use) in COMMANDS.items() for kind in list_wrong(*use)],
)
def test_every_command_refuses_what_it_cannot_use(
    command: str, kind: str, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "features.npy", np.ones((20, 2048), np.float32))
    places = {"PLACE": make(tmp_path, kind), "SHARDS": shards, "NEW": tmp_path / "new"}
    places |= {"NPY": tmp_path / "features.npy", "CSV": tmp_path / "submission.csv"}
    write_submission(places["CSV"], np.ones((3, 2048), np.float32))
    before = sorted(tmp_path.rglob("*"))
    words = [str(places.get(word, word)) for word in COMMANDS[command][0]]
    assert build.main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 2, told.err
    assert "report it" not in told.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--input", "SHARDS", "--output", "CLOSED/out"],
        ["decode", "--input", "SHARDS", "--output", "CLOSED/out/below"],
        ["decode", "--input", "HIDDEN", "--output", "OPEN/out"],
        ["decode", "--input", "HIDDEN/below", "--output", "OPEN/out"],
        ["audit", "--input", "SHARDS", "--output", "CLOSED"],
        ["synth", "--output", "CLOSED/out", "--records", "2"],
        ["bundle", ENTRY, "-o", "CLOSED/out.py"],
        ["bundle", "HIDDEN/entry.py", "-o", "OPEN/out.py"],
        ["score", "HIDDEN/any.csv", "--real", "HIDDEN/any.npy"],
        ["curate", "OPEN/p.npy", "--real", "OPEN/p.npy", "-n", "5", "-o", "CLOSED/c.npy"],
        ["build", "--weights", "HIDDEN/any.pth"],
        ["build"],
    ],
    ids=lambda words: f"{words[0]}-{words[-1]}".replace("/", ":"),
)
def test_closed_places_are_told(words: list[str], shards: Path, tmp_path: Path) -> None:
    """By an owner like others: root would write there all the same."""
    prefix = bound_by_permissions()
    sources = copy_sources(tmp_path / "sources")
    for name in ("CLOSED", "HIDDEN", "OPEN"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "OPEN" / "p.npy", np.ones((20, 2048), np.float32))
    (sources / "build").mkdir(mode=0o500)
    (tmp_path / "CLOSED").chmod(0o500)
    (tmp_path / "HIDDEN").chmod(0o000)
    given = [
        word if word == ENTRY else str(shards) if word == "SHARDS" else str(tmp_path / word)
        if word.split("/")[0] in ("CLOSED", "HIDDEN", "OPEN") else word
        for word in words
    ]  # fmt: skip
    command = [*prefix, sys.executable, "build.py", *given]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("warning")]
    assert (done.returncode, done.stdout, len(told)) == (2, "", 2), done.stderr
    assert "Permission denied" in told[0]
    assert "report it" not in done.stderr


def test_what_no_check_foresaw_is_told_as_a_place_too(tmp_path: Path) -> None:
    program = "import sys; from lib.base.exit_codes import run_for_exit_code as run; sys.exit("
    for call_, code, words in (
        ("open('lib/x/y', 'w')", 1, "FileNotFoundError"),  # this one may be a fault of ours
        ("open('build.py/y')", 2, "disk: Not a directory, got build.py/y"),
        ("open('lib', 'w')", 2, "disk: Is a directory, got lib"),
        ("open('/dev/full', 'w', 1).write('x\\n')", 1, "disk: No space left on device"),
    ):
        done = call(ROOT, "-c", f"{program}run(lambda: {call_}, False))")
        assert done.returncode == code
        assert words in done.stderr
        assert ("report it" in done.stderr) == (words == "FileNotFoundError")


@pytest.mark.parametrize("name", ["KERNEL_INPUT", "KERNEL_OUTPUT", "KERNEL_SCRATCH"])
def test_a_kernel_refuses_them_as_well(tmp_path: Path, shards: Path, name: str) -> None:
    program = "import sys; from lib.kernel import pipeline; from lib.kernel.main import main;"
    program += "from lib.kernel.recipes.pixel.recipe import PIXEL;"
    program += "from tests.whole_run import make_kernel;"
    program += "kernel = make_kernel({'weights_file': 'random'}, PIXEL);"
    program += "sys.exit(main(pipeline.run, kernel))"
    folders = {"KERNEL_INPUT": str(shards), "KERNEL_OUTPUT": str(tmp_path / "out")}
    path = make(tmp_path, "pipe")
    done = call(ROOT, "-c", program, **{**folders, name: str(path)})
    assert done.returncode == 2
    assert "a named pipe" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_decode_takes_a_zip_of_shards(tmp_path: Path, shards: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "shards"), "zip", shards)
    for source in (str(shards), packed):
        assert (
            build.main(["decode", "--input", source, "--output", f"{tmp_path}/{len(source)}"]) == 0
        )
    one, two = ((tmp_path / f"{len(source)}" / "ids.txt") for source in (str(shards), packed))
    assert one.read_bytes() == two.read_bytes()
