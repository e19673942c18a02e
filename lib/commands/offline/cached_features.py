"""A folder of a run's cached features -> the features in the order of its images."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lib.base.errors import InputError
from lib.kernel.metrics.feature_cache import CHUNKS, PLACES, read_array


def read_cached(folder: Path) -> NDArray[np.float32]:
    """A folder that cached_features filled -> (N, width) float32 in the order of its images."""
    paths = sorted(folder.glob(CHUNKS))
    chunks, place = [read_array(path) for path in paths], read_array(folder / PLACES)
    broken = [path.name for path, chunk in zip(paths, chunks, strict=True) if chunk is None]
    whole = [chunk for chunk in chunks if chunk is not None]
    count = sum(map(len, whole))
    if broken or place is None or count != (int(place.max()) + 1 if place.size else 0):
        missing = "no features" if not paths else f"{PLACES} is not there or damaged"
        missing = f"{count:,} features" if place is not None else missing
        raise InputError(
            "features",
            f"{folder} is not whole",
            expected=f"features-0000.bin ... and {PLACES} of one finished run of this version",
            got=f"damaged: {', '.join(broken[:3])}" if broken else missing,
            cure="give the shards or images themselves, with --weights FILE",
        )
    return np.concatenate(whole)[place]
