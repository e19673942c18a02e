"""The disk is full at each file of a run: two lines, nothing torn, and the same command goes on.

Each try ends at the next file that was never written before, so that a run of N files is tried N
times: by a limit that the kernel enforces (EFBIG in the middle of a write), and at opening,
syncing and renaming (ENOSPC).
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.base.checksummed_files import Heading, read_checksummed
from lib.base.files import read_json
from lib.kernel import pipeline
from lib.kernel.main import main
from lib.kernel.metrics import features
from lib.kernel.recipes.table import load_recipe
from lib.kernel.report.manifest import find_damage, list_entries, read_manifest
from tests.kernel.full_disk import WAYS, FullDisk
from tests.local_runs import write_input
from tests.whole_run import make_kernel

SMALL: dict[str, Any] = {"weights_file": "random", "samples": 8, "floor_draws": 2, "batch": 8}
RUNS: dict[str, dict[str, Any]] = {  # the public recipes leave most files, auto has all stages
    "second-seed": {"epochs": 2, "save_every": 1, "epoch_fid": 4, "width": 8},
    "auto": {"steps": 6, "trial": 4, "eval_samples": 4, "width": 8, "pool": 10, "sweep": True},
}
SPARED = {"out/report.html", "scratch/seconds.json", "scratch/begun.json"}  # while it goes on
RESULTS = ("submission.csv", "images.zip", "generated.png", "real.png", "submission.txt")
ONCE = pytest.mark.skipif("FULL_DISK" not in os.environ, reason="FULL_DISK=1 tries all, an hour")
Captured = pytest.CaptureFixture[str]


def call(monkeypatch: pytest.MonkeyPatch, root: Path, recipe: str) -> int:
    """A root with the folder in, a recipe -> the exit code of its run in out and scratch."""
    for name, folder in (("INPUT", "in"), ("OUTPUT", "out"), ("SCRATCH", "scratch")):
        monkeypatch.setenv(f"KERNEL_{name}", str(root / folder))
    kernel = make_kernel({**SMALL, "recipe": recipe, **RUNS[recipe]}, load_recipe(recipe))
    return main(pipeline.run, kernel)


def check_whole(root: Path) -> None:
    """A root -> no unfinished file in it, and all that is there can be read."""
    for folder in (root / "out", root / "scratch"):
        for name in list_entries(folder) if folder.is_dir() else ():
            path = folder / name
            assert not name.endswith(".part"), name
            if path.suffix == ".json":
                assert read_json(path) is not None, name
            elif path.suffix == ".npy":
                np.load(path)
            elif path.suffix == ".pt":
                read_checksummed(path, Heading.LINE)
            elif path.suffix == ".bin":
                read_checksummed(path, Heading.DIGEST)
            else:
                assert path.stat().st_size or path.name in ("lock", "rejects.csv"), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A recipe -> the root of a run of it that nothing disturbed, once it was made."""
    return {}


def make_whole(
    monkeypatch: pytest.MonkeyPatch, made: dict[str, Path], place: Path, recipe: str
) -> Path:
    if recipe not in made:
        write_input(place / "in")
        assert call(monkeypatch, place, recipe) == 0
        made[recipe] = place
    return made[recipe]


@pytest.mark.parametrize(
    ("recipe", "way"),
    [
        pytest.param("second-seed", "write", marks=pytest.mark.slow),
        *(pytest.param(recipe, way, marks=[pytest.mark.slow, ONCE])
          for recipe in RUNS for way in WAYS if (recipe, way) != ("second-seed", "write")),
    ],
)  # fmt: skip
def test_a_run_goes_on_from_each_file_that_found_no_room(
    recipe: str,
    way: str,
    whole: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.setattr(pipeline, "load_extractor", cache_extractor(pipeline.load_extractor))
    undisturbed = make_whole(monkeypatch, whole, tmp_path_factory.mktemp("whole"), recipe)
    root = tmp_path_factory.mktemp("full")
    shutil.copytree(undisturbed / "in", root / "in")
    disk = FullDisk(root, way)
    tries, code = 0, 1
    while code:
        capsys.readouterr()
        with disk.watched():
            code = call(monkeypatch, root, recipe)
            was_full = disk.is_full
        told = capsys.readouterr()
        check_whole(root)
        if code:
            tries += 1
            assert was_full, told.err
            assert len(told.err.splitlines()) == 2, (disk.met[-1], told.err)
            assert "No space left" in told.err or "File too large" in told.err, told.err
            assert "report it" not in told.err
            assert "cure: " in told.err
            assert "Traceback" not in told.out
        assert tries < 100
    met = {name for name in disk.met if name != "scratch/lock"}
    print(f"\n{recipe}, {way}: {tries} tries end at {sorted(met)}")
    written = {f"out/{name}" for name in list_entries(undisturbed / "out")}
    left = {name for name in written - met if "checkpoint_0" not in name}
    assert not left, f"never met a full disk: {left}"
    for name in RESULTS:
        assert (root / "out" / name).read_bytes() == (undisturbed / "out" / name).read_bytes()
    assert find_damage(root / "out", read_manifest(root / "out").values) == []


@pytest.mark.slow
def test_a_small_disk_that_grows_later_gets_a_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """A real one, in memory, which only root may mount."""
    monkeypatch.setattr(pipeline, "load_extractor", cache_extractor(pipeline.load_extractor))
    monkeypatch.setitem(RUNS["second-seed"], "epochs", 1)
    size = 1
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "none", str(tmp_path)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        write_input(tmp_path / "in")
        code, tries = 1, 0
        while code:
            capsys.readouterr()
            code = call(monkeypatch, tmp_path, "second-seed")
            told = capsys.readouterr().err
            check_whole(tmp_path)
            if code:
                assert len(told.splitlines()) == 2, told
                assert "No space left on device" in told
                size, tries = size + 1, tries + 1
                grow = ["mount", "-o", f"remount,size={size}m", str(tmp_path)]
                subprocess.run(grow, check=True)
        assert tries > 2
        damage = find_damage(tmp_path / "out", read_manifest(tmp_path / "out").values)
        assert damage == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def cache_extractor(load: Any) -> Any:
    """load_extractor -> the same, for a network of random weights takes a second to draw."""

    @cache
    def load_once(seed: int) -> list[features.Extractor]:
        return []

    def load_cached(config: Any, *words: Any, **more: Any) -> features.Extractor:
        made = load_once(config.seed)
        made += [] if made else [load(config, *words, **more)]
        return made[0]

    return load_cached
