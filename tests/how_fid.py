"""Features of real images and of a pool -> plots of the floor and of what curation does."""

import argparse
import json
import math

import numpy as np

from lib.commands.offline.feature_source import Source, read_features
from lib.kernel.curation.curate import choose_subset
from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor_against
from tests.plots import Axis, Numbers, Point, Series, draw_plot, save

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000)
DRAWS = 10  # of each size, where there are enough images
SUBMITTED = 1000
POOLS = (1250, 1500, 2000, 3000)  # beside one of 1,000, which leaves no choice
FLOOR_DRAWS, RUN_DRAWS = 40, 5  # of this page's floor, and of one as a run measures it
SPLITS = 8  # of the real images in halves
CHOOSERS = (250, 1000, 5000)  # real images that a choice looks at
STEP = 0.002  # of FID between the marks of these plots, which begin at 0
CHOOSE_S = 200.0  # for each choice at most; a quiet core takes a third


def draw_floor(options: argparse.Namespace) -> Numbers:
    """Draw FID of n real images against other real ones, over n, and what mathematics says."""
    real, others = (read_features(Source(path)) for path in (options.real, options.more))
    reference, count = features_to_statistics(others), f"{len(others):,}"
    means, errors = [], []
    for size in SIZES:
        found = _measure_draws(real, reference, size)
        means.append(float(found.mean()))
        errors.append(float(found.std(ddof=1) / len(found) ** 0.5) if len(found) > 1 else 0.0)
        print(f"{size:,}: {means[-1]:.5f} +- {errors[-1]:.5f}", flush=True)
    inverse = 1 / np.array(SIZES) + 1 / len(others)
    at_1000 = SIZES.index(SUBMITTED)
    constant, total = means[at_1000] / inverse[at_1000], reference.total_variance
    lines = [
        Series(f"FID of n real images against {count} others", _pair(means), errors=errors),
        Series(f"C (1/n + 1/{count}), through n = 1,000", _pair(constant * inverse), False, True),
        Series("the part of the means alone", _pair(total * inverse), False),
    ]
    axes = Axis("n, images (logarithmic)", True, SIZES), Axis("FID (logarithmic)", True)
    save("floor", draw_plot(lines, *axes), 255)
    slope = np.polyfit(np.log(SIZES[: at_1000 + 1]), np.log(means[: at_1000 + 1]), 1)[0]
    return {
        **{f"floor of {size:,}": f"{mean:.4f}" for size, mean in zip(SIZES, means, strict=True)},
        "floor of 1,000, error": f"{errors[at_1000]:.4f}",
        "floor, slope from 100 to 1,000": f"{slope:.2f}",
        "floor, C": f"{constant:.1f}",
        "floor, C of 5,000 less that of 10,000": f"{constant * (1 / 5000 - 1 / 10_000):.4f}",
        "floor of 2,000, by C": f"{constant * inverse[SIZES.index(2000)]:.4f}",
        "floor, total variance": f"{total:.2f}",
        "floor, part of the means at 1,000": f"{total * inverse[at_1000]:.4f}",
        "floor, reference": count,
    }


def _measure_draws(rows: np.ndarray, reference: Statistics, size: int) -> np.ndarray:
    """Features, Statistics of others, n -> FIDs of draws of n rows, none of which share a row."""
    draws = max(1, min(DRAWS, len(rows) // size))
    order = np.random.default_rng(size).permutation(len(rows))[: draws * size]
    return np.array([frechet_distance(rows[part], reference) for part in np.split(order, draws)])


def _pair(values: list[float] | np.ndarray) -> list[Point]:
    return list(zip(SIZES, map(float, values), strict=True))


def draw_curation(options: argparse.Namespace) -> Numbers:
    """Draw FID against the real half that chose and the test half: over the pool, the choosers."""
    paths = (options.real, options.pool, options.more)
    real, pool, more = (read_features(Source(path)) for path in paths)
    order = np.random.default_rng(0).permutation(len(real))
    chooser, test = real[order[: len(real) // 2]], real[order[len(real) // 2 :]]
    own, other = features_to_statistics(chooser), features_to_statistics(test)
    floor = measure_floor_against(more, other, FLOOR_DRAWS, 0, SUBMITTED)
    of_run = measure_floor_against(chooser, other, RUN_DRAWS, 0, SUBMITTED)
    random = [_measure_draws(pool, side, SUBMITTED) for side in (own, other)]
    numbers = {
        "curation, floor": f"{floor.mean:.4f}",
        "curation, floor error": f"{floor.standard_error:.4f}",
        "curation, floor of the chooser": f"{of_run.mean:.4f}",
        "curation, floor of the chooser, error": f"{of_run.standard_error:.4f}",
        **{f"curation, draw {k + 1}": f"{one:.4f}" for k, one in enumerate(random[1])},
        **_measure_splits(real),
        "curation, pool": f"{len(pool):,}",
        "curation, half": f"{len(test):,}",
        **_compare_pool(pool, real, options),
    }
    pools = [size for size in POOLS if size < len(pool)] + [len(pool)]
    by_pool = {SUBMITTED: (float(random[0].mean()), float(random[1].mean()))}
    by_pool |= {size: _choose(pool[:size], chooser, other) for size in pools}
    by_choosers = {count: _choose(pool, chooser[:count], other) for count in CHOOSERS[:-1]}
    by_choosers[CHOOSERS[-1]] = by_pool[len(pool)]
    for words, found in (("pool", by_pool), ("choosers", by_choosers)):
        for key, pair in found.items():
            for side, value in zip(("chose", "test"), pair, strict=True):
                numbers[f"curation, {words} {key:,}, {side}"] = f"{value:.4f}"
    sizes = Axis("images in the pool, of which 1,000 are chosen", marks=tuple(by_pool))
    save("curation", _plot_choices(by_pool, sizes, floor.mean), 255)
    choosers = Axis("real images that the choice looks at (logarithmic)", True, CHOOSERS)
    save("choosers", _plot_choices(by_choosers, choosers, floor.mean), 255)
    return numbers


def _measure_splits(real: np.ndarray) -> Numbers:
    """Features of real images -> how floors differ between ways to part them in halves."""
    found: dict[int, list[np.ndarray]] = {SUBMITTED: [], 2 * SUBMITTED: []}
    for split in range(1, 1 + SPLITS):
        order = np.random.default_rng(split).permutation(len(real))
        half, others = np.split(order, 2)
        reference = features_to_statistics(real[others])
        for size, draws in found.items():
            draws.append(_measure_draws(real[half], reference, size))
    floors, twice = (np.mean(draws, axis=1) for draws in found.values())
    return {
        "splits": str(SPLITS),
        "splits, floor": f"{floors.mean():.4f}",
        "splits, least floor": f"{floors.min():.4f}",
        "splits, greatest floor": f"{floors.max():.4f}",
        "splits, least draw": f"{np.min(found[SUBMITTED]):.4f}",
        "splits, greatest draw": f"{np.max(found[SUBMITTED]):.4f}",
        "splits, floor of 2,000": f"{twice.mean():.4f}",
        "splits, floor of 2,000, error": f"{twice.std(ddof=1) / SPLITS**0.5:.4f}",
    }


def _compare_pool(pool: np.ndarray, real: np.ndarray, options: argparse.Namespace) -> Numbers:
    """Features of pixel's pool and of real images -> FID of random draws, as the runs' own."""
    found = _measure_draws(pool, features_to_statistics(real), SUBMITTED)
    floor = json.loads((options.runs / "first-seed" / "metrics.json").read_text())["floor"]
    return {
        "pixel FID": f"{found.mean():.4f}",
        "pixel floors": f"{found.mean() / floor:.1f}",
        "pixel draws": str(len(found)),
    }


def _choose(pool: np.ndarray, chooser: np.ndarray, other: Statistics) -> tuple[float, float]:
    """Features of a pool and of real images -> FIDs of the chosen, against these and others."""
    own = features_to_statistics(chooser)
    chosen = pool[choose_subset(pool, own, SUBMITTED, 0, seconds=CHOOSE_S).chosen]
    found = frechet_distance(chosen, own), frechet_distance(chosen, other)
    print(f"{len(pool):,} by {len(chooser):,}: {found[0]:.5f}, {found[1]:.5f}", flush=True)
    return found


def _plot_choices(found: dict[int, tuple[float, float]], x: Axis, floor: float):  # type: ignore[no-untyped-def]
    """{x: (FID against those that chose, against others)} -> a plot with the others' floor."""
    chose, test = ([(key, pair[side]) for key, pair in found.items()] for side in (0, 1))
    level = [(min(found), floor), (max(found), floor)]
    lines = [
        Series("against the real images that chose", chose),
        Series("against the test half, which did not choose", test),
        Series("floor: 1,000 new real ones against the test half", level, False, True),
    ]
    highest = max(*chose, *test, key=lambda point: point[1])[1]
    marks = tuple(STEP * k for k in range(math.ceil(highest / STEP) + 1))
    return draw_plot(lines, x, Axis("FID", marks=marks))
