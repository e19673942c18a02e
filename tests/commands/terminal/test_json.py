"""--json: one object on stdout whatever a command logs, and the same errors as without it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import build
from lib.commands.options import to_json
from tests.bundled import CASES
from tests.kaggle_prompt import Prompt, open_prompt
from tests.local_runs import ROOT, SMALL, write_input

RANDOM = ("--weights", "random")
OWN_JSON = {"runs", "board"}  # which have keys of their own, see docs/BOARD.md


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_input(tmp_path_factory.mktemp("shards"))


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    yield from open_prompt(tmp_path)


def ask(*words: object, folder: Path = ROOT, code: int = 0) -> dict[str, Any]:
    """Words after build.py -> the object that they print, alone, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "build.py", *map(str, words), "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1, done.stdout
    found = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert isinstance(found, dict)
    return found


def draw_features(count: int, seed: int) -> np.ndarray:
    """(count, 2048) float32 of 12 directions: small sets, quick eigenvalues."""
    mixing = np.random.default_rng(99).standard_normal((12, 2048)) / 40
    return (np.random.default_rng(seed).standard_normal((count, 12)) @ mixing).astype(np.float32)


def demand_told(name: str, found: dict[str, Any]) -> None:
    """Each key of an answer is named by the command's help."""
    told = set(re.findall(r"\w+", build.load_command(name).json))
    assert set(found) <= told, name


def test_every_command_with_a_result_answers_in_json() -> None:
    """The others print no table: they write files that say it, or run a kernel."""
    commands = {name: build.load_command(name) for name in build.COMMANDS}
    silent = {name for name, command in commands.items() if not command.json} - OWN_JSON
    assert silent == {"init", "new", "run"}


def test_synth_and_decode(tmp_path: Path) -> None:
    made = ask("synth", "--output", tmp_path / "data", "--records", 30)
    demand_told("synth", made)
    assert sum(made["records"].values()) == 30
    assert (made["folder"], made["shards"]) == (str(tmp_path / "data"), 1)
    found = ask("decode", "--input", tmp_path / "data", "--output", tmp_path / "clean")
    demand_told("decode", found)
    assert found["kept"] + sum(found["rejected"].values()) == 30
    assert all((tmp_path / "clean" / name).is_file() for name in found["files"])
    assert found["folder"] == str(tmp_path / "clean")


def test_features_and_audit(shards: Path, tmp_path: Path) -> None:
    target = tmp_path / "features.npy"
    found = ask("features", shards, "-o", target, *RANDOM)
    demand_told("features", found)
    assert (found["rows"], found["features"]) == np.load(target).shape
    assert "RANDOM WEIGHTS" in found["extractor"]
    found = ask("audit", "--input", shards, "--output", tmp_path, "--records", 20, *RANDOM)
    demand_told("audit", found)
    assert found["random_weights"] is True
    assert found["policies"][0]["name"] == "official"
    assert set(found["policies"][0]) == {"name", "kept", "changed", "fid"}
    assert len(found["sheets"]) == len(found["policies"]) - 1
    assert all(Path(sheet).is_file() for sheet in found["sheets"])


def test_score_and_curate(tmp_path: Path) -> None:
    for name, count, seed in (("pool", 60, 1), ("real", 80, 2)):
        np.save(tmp_path / f"{name}.npy", draw_features(count, seed))
    real = ("--real", tmp_path / "real.npy")
    scores = ask("score", tmp_path / "pool.npy", *real)
    assert scores["rows"] == 60
    assert scores["fid"] > 0
    target = tmp_path / "chosen.npy"
    words = ("--holdout", 40, "-n", 20, "-o", target)
    found = ask("curate", tmp_path / "pool.npy", *real, *words)
    demand_told("curate", found)
    used, unseen = found["against"]
    assert (used["name"], unseen["real"]) == ("the real rows used", 40)
    assert used["curated"] < used["random_draw"]
    assert (found["chosen"], found["pool"], found["output"]) == (20, 60, str(target))
    assert found["floors"][0]["floor"] > 0
    assert len(np.load(target)) == 20


def test_verify(tmp_path: Path) -> None:
    """Its values are tested where the command is."""
    (tmp_path / "run_manifest.json").write_text('{"artefacts": {"a": "0"}}')
    (tmp_path / "b").touch()
    found = ask("verify", tmp_path, code=1)
    demand_told("verify", found)
    assert (found["damage"], found["unnamed"]) == (["a is missing"], ["b"])
    assert (found["whole"], found["sealed"], found["files"]) == (False, False, 1)


def test_bundle(tmp_path: Path) -> None:
    entry, target = CASES / "imports" / "entry.py", tmp_path / "out.py"
    found = ask("bundle", entry, "-o", target)
    demand_told("bundle", found)
    assert found["bytes"] == target.stat().st_size
    assert "entry.py" in found["files"]
    module = next(name for name in found["files"] if name != "entry.py" and "__init__" not in name)
    dotted = module.removesuffix(".py").replace("/", ".")
    found = ask("bundle", entry, "--explain", dotted)
    demand_told("bundle", found)
    assert found["chain"][-1]["imports"] == dotted
    assert found["chain"][0]["file"] == "entry.py"
    found = ask("unbundle", target)
    demand_told("unbundle", found)
    assert [each["path"] for each in found["files"] if each["edited"]] == []
    found = ask("check", target)
    demand_told("check", found)
    assert found["agrees"] is True
    target.write_text(target.read_text() + "# more\n")
    assert ask("check", target, code=1)["differences"] != []


def test_a_bundle_that_is_watched_has_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    entry = str(CASES / "imports" / "entry.py")
    assert build.main(["bundle", entry, "-o", "out.py", "--watch", "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "--watch has no end" in shown.err


def test_the_commands_of_the_loop(prompt: Prompt) -> None:
    """init, build, doctor, push, sweep and submit, against the Kaggle of these tests."""

    def answer(name: str, *words: str, code: int = 0) -> dict[str, Any]:
        with prompt.start_build(name, *words, "--json") as process:
            out, errors = process.communicate(timeout=120)
        assert process.returncode == code, errors
        assert out.count("\n") == 1, out
        found = json.loads(out)
        demand_told(name, found)
        return dict(found)

    (prompt.root / ".gitignore").write_text("/build/\n/runs/\n__pycache__/\n")
    prompt.build("init", "--owner", "ada")
    prompt.commit()
    ill = answer("doctor", code=1)
    assert ill["ok"] is False
    assert any(one["cure"] == "python build.py" for one in ill["findings"])
    built = answer("build", "--recipe", "pixel", *SMALL)
    assert built["bytes"] == (prompt.root / built["kernel"]).stat().st_size
    assert (built["recipe"], built["minutes"], built["random_weights"]) == ("pixel", 90.0, True)
    pushed = answer("push", "--recipe", "pixel", "--wait")
    assert (pushed["version"], pushed["status"]) == (1, "COMPLETE")
    assert answer("doctor")["ok"] is True
    scored = answer("submit", "1", "-m", "hello")
    assert (scored["ref"], scored["version"], scored["status"]) == (pushed["ref"], 1, "COMPLETE")
    assert float(scored["public"]) > 0
    assert scored["private"] is None or float(scored["private"]) > 0
    swept = answer("sweep", "--recipe", "pixel,first-seed")
    assert swept["variants"] == [["pixel"], ["first-seed"]]
    assert swept["failures"] == []
    assert len(swept["runs"]) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("decode", "--input", "no-such-folder", "--output", "x"),
        ("build", "--recipe", "pixl"),
        ("score", "no-such-file", "--real", "."),
        ("synth", "--output", "x", "--records", "0"),
    ],
    ids=str,
)
def test_errors_are_those_without_it(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    codes = build.main(words), build.main([*words, "--json"])
    shown = capsys.readouterr()
    assert codes == (2, 2)
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


def test_values_that_json_has_not_are_null_or_texts() -> None:
    nan, inf = float("nan"), float("inf")
    found = json.loads(to_json({"a": nan, "b": [inf, 1.5, (2, nan)], "c": Path("x"), "d": {1: 2}}))
    assert found == {"a": None, "b": [None, 1.5, [2, None]], "c": "x", "d": {"1": 2}}
