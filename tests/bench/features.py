"""`python -m tests.bench.features`: images a second, the page's loop beside our extractor."""

import dataclasses
import time

import numpy as np
import torch

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.fast_path_bias import measure_fast_path_bias
from lib.kernel.metrics.features import extract_features, load_extractor
from lib.kernel.metrics.fid import features_to_statistics
from tests.kernel.metrics.test_features import STANDIN, compute_by_the_page, draw_images

WARM, SNIPPET, OURS = 8, 24, 96


def main() -> None:
    """Print both rates, their ratio and the largest deviation; without the stand-in: say so."""
    if not STANDIN.is_file():
        print("features: no stand-in weights, nothing measured (set INCEPTION_STANDIN)")
        return
    images = draw_images(OURS, seed=1)
    images[:, :, 0, 0] = np.arange(OURS, dtype=np.uint8)[:, None]  # all distinct
    extractor = load_extractor(Config(), STANDIN, choose_device())
    extract_features(images[:WARM], extractor)
    started = time.perf_counter()
    features = extract_features(images, extractor)
    ours = OURS / (time.perf_counter() - started)
    compute_by_the_page(images[:1], STANDIN)
    loaded = time.perf_counter()
    compute_by_the_page(images[:1], STANDIN)
    once = time.perf_counter() - loaded  # loading and one image
    started = time.perf_counter()
    expected = compute_by_the_page(images[: SNIPPET + 1], STANDIN)
    theirs = SNIPPET / (time.perf_counter() - started - once)
    deviation = np.sqrt(expected.var(axis=0).mean())
    worst = np.abs(features[: SNIPPET + 1] - expected).max() / deviation
    fast = dataclasses.replace(extractor, is_fast=True)
    half = OURS // 2
    measure_fast_path_bias(images[:half], extractor, fast, features_to_statistics(features[half:]))
    print(f"features on {torch.get_num_threads()} threads, all images distinct")
    print(f"the page's loop {theirs:.2f} images/s, ours {ours:.2f} images/s")
    print(
        f"ratio: {ours / theirs:.2f}; largest deviation {worst:.1e} of a feature's own (limit 1e-4)"
    )


if __name__ == "__main__":
    main()
