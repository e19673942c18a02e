"""metrics.appraisal: the FID of a large uncurated draw is there where the pool suffices."""

import numpy as np
import pytest

from lib.kernel.defaults import fill_defaults
from lib.kernel.metrics import extra_metrics
from lib.kernel.metrics.extra_metrics import Drawn, measure_extra
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.reference import Reference
from lib.kernel.recipes.table import make_config


@pytest.mark.parametrize("count", [29, 30, 40])
def test_fid_20000_is_of_the_first_images_whatever_was_chosen(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra_metrics, "_LARGE", 30)
    random = np.random.default_rng(0)
    pool = random.integers(0, 256, (count, 3, 32, 32)).astype(np.uint8)
    features = random.normal(size=(count, 8)).astype(np.float32)
    real = random.normal(size=(50, 8)).astype(np.float32)
    side = Reference(real, features_to_statistics(real), measure_floor(real, 2, 0))
    own, grey = Drawn(pool, features, np.arange(5, 15)), pool[:, :1]
    found = measure_extra(own, pool[:20], grey[:20], grey[20:], side, 0)
    if count < 30:
        assert "fid_20000" not in found.details
    else:
        expected = frechet_distance(features[:30], side.statistics)
        assert found.details["fid_20000"] == pytest.approx(expected)


def test_the_default_pool_of_a_gpu_is_large_enough_for_it() -> None:
    config, _ = fill_defaults(make_config("pixel", {}), is_cuda=True)
    assert config.pool >= extra_metrics._LARGE == 20_000
