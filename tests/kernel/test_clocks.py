"""A whole run bounded by steps gives the same bytes whatever its clock does."""

import dataclasses
import time
from pathlib import Path

import pytest

from lib.kernel.configuration.folders import Folders
from lib.kernel.curation import curate
from lib.kernel.planning.plan import LEAST_TRIES, Wanted, make_plan, plan_run
from lib.kernel.planning.speeds import Speeds
from lib.kernel.recipes.edm import heun
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from tests.local_runs import write_input
from tests.whole_run import run_kernel

pytestmark = pytest.mark.ships

CONFIG = make_config(
    "auto",
    {
        "weights_file": "random",
        "weights_sha256": "",
        "floor_draws": 2,
        "sweep": True,
        "samples": 8,
        "pool": 24,
        "trial": 8,
        "steps": 16,
        "batch": 4,
        "width": 8,
        "depth": 1,
        "real_limit": 20,
    },
)
WEEK = 60.0 * 24 * 7  # min: the run's deadline, which alone may end training, is out of reach
RESULTS = ("submission.csv", "images.zip")


def run(home: Path, source: Path) -> tuple[dict[str, bytes], str]:
    """A folder, the input -> the results of a run, and the weights' words."""
    folders = Folders(source, *(home / name for name in ("out", "scratch", "cache")))
    config = dataclasses.replace(CONFIG, minutes=WEEK)
    auto = load_recipe("auto")  # without pixel, which draws slowly
    preset = dataclasses.replace(auto.preset, candidates=auto.preset.candidates[1:])
    two = dataclasses.replace(auto, preset=preset, candidates=auto.candidates[1:])
    metrics = run_kernel(config, two, folders)
    return {name: (home / "out" / name).read_bytes() for name in RESULTS}, metrics["weights"]


def test_a_machine_a_thousand_times_slower_submits_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Curation, sweep, pool, trials and choices of weights count rounds, never seconds."""
    monkeypatch.setattr(drawing, "CHUNK", 8)
    monkeypatch.setattr(heun, "STEPS", 4)
    monkeypatch.setattr(curate, "_LEVELS", ())
    source = write_input(tmp_path / "input")
    quick = run(tmp_path / "quick", source)
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 * clock())
    assert run(tmp_path / "slow", source) == quick


@pytest.mark.parametrize("feature_s", [0.01, 10.0])
def test_a_plan_by_steps_shrinks_nothing(feature_s: float) -> None:
    config = make_config("pixel", {"steps": 10, "pool": 5000, "sweep": True, "minutes": 10.0})
    speeds = Speeds(feature_s, feature_s)
    plan = plan_run(config, 300.0, 3000, missing=3000, speeds=speeds)
    assert (plan.real, plan.pool, plan.reasons) == (3000, 5000, ())
    assert plan.sweep > LEAST_TRIES
    whole = make_plan(config, [], Wanted(3000, 3000, 1234), False, 900.0, speeds)
    assert (whole.pool, whole.unseen) == (5000, 1000)
