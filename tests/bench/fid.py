"""`python -m tests.bench.fid`: this project's FID beside scipy's sqrtm, in one run."""

import time
from collections.abc import Callable

import numpy as np
import scipy.linalg

from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor

COUNT, WIDTH, REAL = 1000, 2048, 10_000
REPEATS = 3


def draw(count: int, seed: int) -> np.ndarray:
    """Seeded (count, 2048) float32 whose k-th deviation falls like k^-0.7."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, WIDTH)) * np.arange(1, WIDTH + 1) ** -0.7
    return values.astype(np.float32)


def compute_by_sqrtm(features: np.ndarray, real: Statistics) -> float:
    """(n, D) float32, real Statistics -> FID the usual way, by the root of the D x D product."""
    wide = features.astype(np.float64)
    covariance = np.cov(wide, rowvar=False)
    root = scipy.linalg.sqrtm(covariance @ real.covariance).real
    gap = ((wide.mean(axis=0) - real.mean) ** 2).sum()
    return float(gap + np.trace(covariance) + real.total_variance - 2 * np.trace(root))


def clock(work: Callable[[], float], repeats: int) -> tuple[float, float]:
    """A piece of work -> its shortest time in s, its value."""
    times, value = [], 0.0
    for _ in range(repeats):
        started = time.perf_counter()
        value = work()
        times.append(time.perf_counter() - started)
    return min(times), value


def main() -> None:
    """Print both times, their ratio and both values."""
    rows = draw(REAL, 1)
    real = features_to_statistics(rows)
    features = draw(COUNT, 2)
    ours, value = clock(lambda: frechet_distance(features, real), REPEATS)
    print(f"FID, n = {COUNT:,}, D = {WIDTH:,}: ours {ours:.3f} s, {value:.10g}", flush=True)
    theirs, expected = clock(lambda: compute_by_sqrtm(features, real), 1)
    print(f"scipy's sqrtm {theirs:.2f} s, {expected:.10g}")
    print(f"ratio: {theirs / ours:.1f} times as fast (goal: 20)")
    draws = 3
    floor = clock(lambda: measure_floor(rows, draws, 0).mean, 1)[0] / draws
    print(f"floor: {floor:.2f} s a draw of {COUNT:,} against {REAL:,}")


if __name__ == "__main__":
    main()
