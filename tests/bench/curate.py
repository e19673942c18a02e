"""A pool's features -> how far curation gets below a random draw, used and unseen, in what time.

    python -m tests.bench.curate [--rounds R] [--features FILE.npy] [--cache DIR]

Two regimes. (a) 20,000 synthetic features with the spectrum of Inception features of photographs,
some non-Gaussianity included. (b) real features of 12,000 look-alike pictures, 6,000 of them the
pool, with the weights that INCEPTION_STANDIN names (some 15 minutes on two cores the first time,
cached in DIR), or those in FILE.npy; without either only (a) is measured.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from lib.base.files import sha256_file
from lib.kernel.curation.curate import DEFAULT_ROUNDS, choose_subset
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.features import cached_features, load_extractor
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor_against
from lib.kernel.recipes.table import make_config
from lib.synthetic.look_alike import look_alike

_WEIGHTS = "INCEPTION_STANDIN"
_COUNT = 1000
_DRAWS = 10
_WIDTH = 2048


def main() -> None:
    """Command line -> a table for each regime on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS)
    parser.add_argument("--features", type=Path, help="(12000, 2048) floats of look-alike pictures")
    parser.add_argument("--cache", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    if options.features:
        steep = np.load(options.features)
    elif os.environ.get(_WEIGHTS):
        steep = _extract(Path(os.environ[_WEIGHTS]), options.cache)
    else:
        print(f"set {_WEIGHTS} to a weights file, or give --features, for look-alike features")
        steep = None
    if steep is not None:
        _measure("look-alike", steep[:6000], steep[6000:9000], steep[9000:], options.rounds)
    features = [draw_inception_like(count, seed) for seed, count in enumerate((20_000, 11_000))]
    unseen = draw_inception_like(11_000, 2)
    _measure("Inception-like", *features, unseen, options.rounds)


def draw_inception_like(count: int, seed: int) -> np.ndarray:
    """(N, seed) -> (N, 2048) float32, non-negative: a decaying spectrum of ten clusters.

    Variances fall as exp(-k / 300) / k in a random basis, each sample has a scale of its own, and
    the soft ReLU at the end fills all directions a little. The seed of the basis is fixed.
    """
    basis = np.random.default_rng(12345)
    k = np.arange(1, _WIDTH + 1)
    variances = np.exp(-k / 300) / k + 1e-6
    deviations = np.sqrt(variances / variances.sum()).astype(np.float32)
    rotation = np.linalg.qr(basis.standard_normal((_WIDTH, _WIDTH)))[0].astype(np.float32)
    centres = (basis.standard_normal((10, _WIDTH)) * deviations * (k <= 40)).astype(np.float32)
    random = np.random.default_rng(seed)
    scales = np.exp(0.25 * random.standard_normal((count, 1), dtype=np.float32))
    noise = random.standard_normal((count, _WIDTH), dtype=np.float32) * scales * deviations
    mixed = (noise + centres[random.integers(0, 10, count)]) @ rotation.T
    return 0.2 * np.logaddexp(0, np.float32(1.5 * np.sqrt(_WIDTH)) * mixed + np.float32(0.45))


def _extract(weights: Path, cache: Path) -> np.ndarray:
    """A weights file, a cache folder -> (12000, 2048) float32 of look-alike pictures."""
    given = {"weights_file": weights.name, "weights_sha256": sha256_file(weights)}
    extractor = load_extractor(make_config("pixel", given), weights, choose_device())
    pictures = look_alike(12_000, 0)
    images = np.ascontiguousarray(np.broadcast_to(pictures[:, None], (len(pictures), 3, 32, 32)))
    return cached_features(images, extractor, cache, "bench curate")


def _measure(
    name: str, pool: np.ndarray, used: np.ndarray, unseen: np.ndarray, rounds: int
) -> None:
    sides = {"used": features_to_statistics(used), "unseen": features_to_statistics(unseen)}
    random = np.random.default_rng(0)
    draws = [random.choice(len(pool), _COUNT, replace=False) for _ in range(_DRAWS)]
    wall, cpu = time.monotonic(), time.process_time()
    curation = choose_subset(pool, sides["used"], _COUNT, 0, rounds, seconds=3600)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    floor = measure_floor_against(used, sides["unseen"], 3, 0)
    spectrum = sides["used"].spectrum[::-1]
    shares = (f"{spectrum[:k].sum() / spectrum.sum():.1%} in {k}" for k in (10, 32, 256))
    print(f"\n{name}: pool {len(pool):,}, {len(used):,} + {len(unseen):,} real images")
    print(f"  variance {spectrum.sum():.4g}, {', '.join(shares)} directions")
    print(f"  {cpu:.1f} CPU s, {wall:.1f} s, {curation.trace[-1][0]} rounds: {curation.stopped}")
    for side, statistics in sides.items():
        values = [frechet_distance(pool[rows], statistics) for rows in draws]
        after = frechet_distance(pool[curation.chosen], statistics)
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
        gain = 1 - after / mean
        print(f"  {side:<7} random {mean:.6g} +- {spread:.2g} -> {after:.6g}, {gain:.1%} below")
    print(f"  floor   {floor.mean:.6g} against the unseen ({floor.describe()})", flush=True)


if __name__ == "__main__":
    main()
