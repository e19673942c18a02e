"""A real pack through the whole loop: its variants' files are those of two kernels of their own."""

import shutil
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from lib.commands.kernel_build import build_kernel
from lib.commands.on_kaggle.pack import make_pack_cargo
from lib.commands.on_kaggle.variants import Point
from lib.kaggle.git_state import GitState
from lib.kaggle.push import Cargo
from lib.kaggle.runs_table import fold_events
from lib.kaggle.sweeps.packs import list_fetched
from lib.kaggle.sweeps.push_variants import Variant, sweep
from lib.kernel.recipes.table import make_config
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.kaggle_place import QUICK, Place, open_place

SOURCE = Path(__file__).resolve().parents[2]
PATIENT = replace(QUICK, run_s=1200, longest_poll_s=1)
GIT = GitState("c0" * 20, ())
SMALL = {"steps": 3, "curate": False, "floor_draws": 2, "samples": 4, "weights_file": "random"}
CONFIGS = {
    "pixel": {**SMALL, "weights_sha256": "", "width": 16, "depth": 1, "sweep": False},
    "r3gan": {**SMALL, "weights_sha256": "", "width": 8, "batch": 4, "fid_loss": 0.0},
}


@contextmanager
def open_full_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """(empty folder) -> a Place whose root holds the sources, and whose Kaggle has few records."""
    write_shards(look_alike(24, 0), folder / "data", 0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # another number of threads is another rounding
    with open_place(folder, monkeypatch, PATIENT, data=folder / "data") as place:
        for name in ("lib", "kernel_template"):
            shutil.copytree(SOURCE / name, place.work.root / name)
        shutil.copy(SOURCE / "LICENSE", place.work.root)
        yield place


def make_points() -> list[Point]:
    options = {"set": [], "full": False, "competition": "gan-challenge", "minutes": None}
    return [
        Point(Namespace(recipe=name, seed=None, weights="random", **options), config, name)
        for name, config in ((name, make_config(name, CONFIGS[name])) for name in CONFIGS)
    ]


def push_alone(place: Place, point: Point) -> Cargo:
    built = build_kernel(place.work.root, point.config)
    facts = {"recipe": point.options.recipe}
    return Cargo(built.path, built.sha256, point.options.recipe, facts, GIT)


def test_a_pack_makes_the_files_of_two_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = make_points()
    with open_full_place(tmp_path, monkeypatch) as place:
        work = place.work
        pack = partial(make_pack_cargo, work.root, tuple(points), GIT)
        alone = [Variant(p.options.recipe, (), partial(push_alone, place, p)) for p in points]
        variants = [Variant("pack", ("x",), pack), *alone]
        assert sweep(work, place.session, place.metadata, variants, "aaaa0001") == []
        packed = work.locate_run(f"{place.metadata.ref}-pack-x", 1)
        for name in CONFIGS:
            single = work.locate_run(f"{place.metadata.ref}-{name}", 1)
            for file in ("submission.csv", "images.zip", "generated.png"):
                assert (packed / name / file).read_bytes() == (single / file).read_bytes(), file
            assert (packed / name / "run_manifest.json").is_file()
            assert (packed / name / "report.html").is_file()
        assert [one.is_valid for one in list_fetched(packed)] == [True, True]
        log = (packed / f"{place.metadata.slug}-pack-x.log").read_text()
        assert all(f"\n{name} | train: " in log for name in CONFIGS)
        runs = fold_events(work.read_ledger())
        assert {(run.name, run.status) for run in runs} == {
            *((name, "COMPLETE") for name in ("", *CONFIGS))
        }


def test_a_real_variant_that_fails_leaves_the_other_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights are nowhere; in a notebook's cell, whose script is no file of its own."""
    good, other = make_points()[1], make_points()[0]
    bad = replace(other, config=replace(other.config, weights_file="nowhere.pth"))
    with open_full_place(tmp_path, monkeypatch) as place:
        place.server.as_cell = True
        pack = partial(make_pack_cargo, place.work.root, (bad, good), GIT)
        failures = sweep(
            place.work, place.session, place.metadata, [Variant("pack", ("x",), pack)], "aaaa0001"
        )
        (failure,) = failures
        assert failure.startswith("pixel: error: weights: nowhere.pth was found in none of four")
        folder = place.work.locate_run(f"{place.metadata.ref}-pack-x", 1)
        assert (folder / "r3gan" / "submission.csv").is_file()
        runs = fold_events(place.work.read_ledger())
        assert {run.name: run.status for run in runs} == {"pixel": "ERROR", "r3gan": "COMPLETE"}
