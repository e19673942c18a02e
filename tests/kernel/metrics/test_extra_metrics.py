"""What FID does not say: the FID of a large uncurated draw is there where the pool suffices."""

from typing import Any

import numpy as np
import pytest

from lib.kernel.metrics import extra_metrics
from lib.kernel.metrics.choice import Drawn
from lib.kernel.metrics.extra_metrics import measure_extra
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.mifid import measure_memorisation
from lib.kernel.metrics.reference import Reference
from lib.kernel.planning.automatic import fill_defaults
from lib.kernel.recipes.table import find_preset, make_config
from lib.kernel.report.meanings import DETAILS


def measure_draw(count: int) -> tuple[dict[str, Any], np.ndarray, Reference]:
    """How many images are drawn -> details, their features (count, 8) and the real side."""
    random = np.random.default_rng(0)
    some = random.integers(0, 256, (29, 3, 32, 32)).astype(np.uint8)
    features = random.normal(size=(count, 8)).astype(np.float32)
    real = random.normal(size=(50, 8)).astype(np.float32)
    side = Reference(real, features_to_statistics(real), measure_floor(real, 2, 0))
    pool = np.broadcast_to(some[0], (count, 3, 32, 32))
    own, grey = Drawn(pool, features, np.arange(5, 15)), some[:, :1]
    return measure_extra(own, some[:20], grey[:20], grey[20:], side, 0).details, features, side


@pytest.mark.parametrize("count", [29, 30, 40])
def test_fid_20000_is_of_the_first_images_whatever_was_chosen(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra_metrics, "_LARGE", 30)
    details, features, side = measure_draw(count)
    if count < 30:
        assert "fid_20000" not in details
    else:
        expected = frechet_distance(features[:30], side.statistics)
        assert details["fid_20000"] == pytest.approx(expected)


def test_every_metric_has_a_meaning_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra_metrics, "_LARGE", 30)
    details, _, _ = measure_draw(40)
    assert {name for name in details if name != "pixels"} == DETAILS.keys()
    assert all(DETAILS.values())


def test_mifid_is_of_the_submitted_images_against_the_real_side() -> None:
    details, features, side = measure_draw(29)
    own = features[5:15]
    found = measure_memorisation(own, side.features, 0)
    assert details["mifid"] == found.penalise(frechet_distance(own, side.statistics))
    assert details["memorisation_distance"] == found.distance
    assert (details["memorisation_against"], details["mifid"] > 0) == (50, True)


@pytest.mark.parametrize("is_cuda", [False, True])
def test_of_the_default_pools_a_gpu_s_is_large_enough_for_it(is_cuda: bool) -> None:
    config, _ = fill_defaults(make_config("pixel", {}), find_preset("pixel"), is_cuda)
    assert ("fid_20000" in measure_draw(config.pool)[0]) == is_cuda
