"""kernel.py and its bundle, on a table made here: equal submissions, the same in every run."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent
BUILD_PY = os.environ.get("BUILD_PY", "../../../build.py")  # of Kernelpress


def write_tables(folder: Path) -> Path:
    """Write 60 rows to learn from and 9 to predict, with gaps and cells that mix types."""
    random = np.random.default_rng(0)
    size = random.normal(size=69).round(2)
    color = random.choice(["red", "7", "blue"], 69)
    names = [f"{row:03}" for row in range(69)]
    table = pd.DataFrame({"id": names, "size": size, "color": color})
    table.loc[::7, "size"] = np.nan
    table.loc[::5, "color"] = np.nan
    table["label"] = np.where(size > 0, "yes", "no")
    folder.mkdir(parents=True)
    table[:60].to_csv(folder / "train.csv", index=False)
    table[60:].drop(columns="label").to_csv(folder / "test.csv", index=False)
    return folder


def run(script: Path, source: Path, output: Path) -> bytes:
    """Run a script in a new folder; return the submission that it writes there."""
    output.mkdir()
    folders = {"KERNEL_INPUT": str(source), "KERNEL_OUTPUT": str(output)}
    done = subprocess.run(
        [sys.executable, *(["-I"] if script.parent != HERE else []), str(script)],
        cwd=output,
        env={**os.environ, **folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (output / "submission.csv").read_bytes()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables two folders down, as on Kaggle."""
    folder = tmp_path_factory.mktemp("tables") / "input"
    write_tables(folder / "competitions" / "any-name")
    return folder


@pytest.fixture(scope="module")
def plain(source: Path) -> bytes:
    """The submission that kernel.py writes."""
    return run(HERE / "kernel.py", source, source.parent / "plain")


def test_every_row_is_predicted(source: Path, plain: bytes) -> None:
    lines = plain.decode().splitlines()
    truth = pd.read_csv(source / "competitions" / "any-name" / "test.csv")["size"]
    assert lines[0] == "id,label"
    assert [line.split(",")[0] for line in lines[1:]] == [f"{row:03}" for row in range(60, 69)]
    labels = np.array([line.split(",")[1] for line in lines[1:]])
    known = truth.notna()
    assert [*labels[known]] == [*np.where(truth > 0, "yes", "no")[known]]


def test_the_bundle_alone_writes_the_same(source: Path, plain: bytes, tmp_path: Path) -> None:
    bundle = tmp_path / "build" / "kernel.py"
    words = [sys.executable, BUILD_PY, "bundle", "kernel.py", "-o", str(bundle)]
    subprocess.run(words, cwd=HERE, check=True)
    assert run(bundle, source, tmp_path / "alone") == plain
