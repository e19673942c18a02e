"""report.charts: axes, ticks and curves, whatever a run measured."""

import math

import numpy as np
import pytest

from lib.kernel.report.charts import draw_bars, draw_lines, list_log_ticks
from lib.kernel.report.report import draw_training
from tests.kernel.report.test_report import Page

pytestmark = pytest.mark.ships


@pytest.mark.parametrize("log_y", [True, False])
def test_lines_survive_what_training_can_produce(log_y: bool) -> None:
    points = [(0.0, float("nan")), (1.0, float("inf")), (2.0, -1.0), (3.0, 0.0), (4.0, 5.0)]
    svg = draw_lines({"loss & <more>": points, "none": []}, "step", "loss", log_y)
    assert "nan" not in svg
    assert "inf" not in svg
    assert "loss &amp; &lt;more&gt;" in svg
    assert Page(svg).open == []
    assert draw_lines({"none": []}, "step", "loss") == ""


def test_random_series_stay_within_the_picture() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        scale = 10.0 ** random.integers(-8, 8)
        points = [(float(x), float(y)) for x, y in random.normal(size=(20, 2)) * scale]
        svg = draw_lines({"a": points}, "x", "y")
        pairs = svg.split('points="')[1].split('"')[0].split()
        for pair in pairs:
            right, down = map(float, pair.split(","))
            assert 0 <= right <= 560
            assert 0 <= down <= 240
        assert 4 <= svg.count("<text") <= 24


def test_bars_have_one_row_for_each_label_and_series() -> None:
    svg = draw_bars({"real": {"flat": 0.5, "soft": 0.1}, "generated": {"flat": 0.4}}, "")
    assert svg.count("<rect") == 4
    assert "generated" in svg


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.5, 200.0, [1, 10, 100]),
        (0.02, 0.3, [0.02, 0.05, 0.1, 0.2]),
        (0.7, 12.0, [1, 5, 10]),
        (3.1, 3.3, [3.1, 3.15, 3.2, 3.25, 3.3]),
        (1e-6, 1e12, [1e-6, 1e-3, 1, 1e3, 1e6, 1e9, 1e12]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_round(
    low: float, high: float, expected: list[float]
) -> None:
    assert list_log_ticks(low, high) == pytest.approx(expected)


def test_random_logarithmic_axes_have_some_ticks_within() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        low = 10.0 ** random.uniform(-6, 6)
        high = low * 10.0 ** random.uniform(0.001, 6)
        ticks = list_log_ticks(low, high)
        assert 2 <= len(ticks) <= 8
        assert all(low * 0.9999 <= tick <= high * 1.0001 for tick in ticks)
        assert ticks == sorted(ticks)


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    svg = draw_lines({"fid": [(0, 1.0), (1, 10.0), (2, 100.0)]}, "step", "FID", log_y=True)
    points = svg.split('points="')[1].split('"')[0].split()
    downs = [float(point.split(",")[1]) for point in points]
    assert downs[0] - downs[1] == pytest.approx(downs[1] - downs[2])
    assert all(f">{tick}</text>" in svg for tick in (1, 10, 100))


def test_losses_that_turn_negative_have_a_linear_axis_of_their_own() -> None:
    history = [
        {"step": k, "seconds": k, "penalty": 10.0**-k, "critic": (-1.0) ** k, "fid": 2.0**-k}
        for k in range(1, 5)
    ]
    positive, signed, fid = draw_training(history, {})
    assert "logarithmic" in positive["caption"]
    assert ("penalty" in positive["svg"], "critic" in positive["svg"]) == (True, False)
    assert "linear" in signed["caption"]
    assert ">-1</text>" in signed["svg"]
    assert "critic" in signed["svg"]
    assert "sign turned" in signed["caption"]
    for chart in (positive, fid):
        downs = [
            float(p.split(",")[1]) for p in chart["svg"].split('points="')[1].split('"')[0].split()
        ]
        steps = np.diff(downs)
        assert math.isclose(steps.min(), steps.max(), abs_tol=0.2)
