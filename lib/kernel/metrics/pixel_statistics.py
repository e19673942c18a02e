"""uint8 images -> what noise-like pictures differ in: spectrum, saturation, kinds of picture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Array = NDArray[np.float64]

KINDS = ("flat", "inverted", "sparse", "soft", "other")
_NEAR = 32  # levels from black or white that count as such
_HARD = 0.9  # share of pixels near black or white, below which a picture is soft
_FULL = 0.97  # least share of a box that has the box's colour
_BOX = 0.25  # least share of the picture that is a box
_FRAME = 0.02  # least share of the picture that is the frame of an inverted box
_SPARSE = 0.4  # largest share of a picture that single white pixels cover
_PIXELS_AT_ONCE = 4096 * 32 * 32  # bounds the floating-point copies


@dataclass(frozen=True)
class PixelStatistics:
    """Statistics of one set of images."""

    count: int
    mean: float  # of all pixels, 0..1
    deviation: float  # standard deviation of all pixels, 0..1
    black: float  # share of pixels that are exactly 0
    white: float  # share of pixels that are exactly 255
    kinds: dict[str, float]  # share of each of KINDS
    spectrum: tuple[float, ...]  # measure_spectrum


def measure_pixels(images: Images) -> PixelStatistics:
    """(N, 3, H, W) uint8 -> PixelStatistics; N >= 1."""
    names, counts = np.unique(classify_images(images), return_counts=True)
    shares = dict(zip(names.tolist(), (counts / len(images)).tolist(), strict=True))
    parts = [np.bincount(part.reshape(-1), minlength=256) for part in _split(images)]
    levels = np.sum(parts, axis=0) / images.size
    values = np.arange(256) / 255
    mean = float(levels @ values)
    return PixelStatistics(
        count=len(images),
        mean=mean,
        deviation=float(np.sqrt(levels @ (values - mean) ** 2)),
        black=float(levels[0]),
        white=float(levels[255]),
        kinds={kind: shares.get(kind, 0.0) for kind in KINDS},
        spectrum=tuple(measure_spectrum(images).tolist()),
    )


def measure_spectrum(images: Images) -> Array:
    """(N, 3, H, W) uint8 -> (min(H, W) // 2 + 1,) mean power at each radius, in cycles a picture.

    Power is |DFT|^2 / (H W) of the grey picture 0..1 less its own mean. It is averaged over the
    images and over the frequencies that round to the radius. So white noise has its variance at
    each radius.
    """
    height, width = images.shape[2:]
    total = np.zeros((height, width))
    for part in _split(images):
        grey = part.mean(axis=1) / 255
        grey -= grey.mean(axis=(1, 2), keepdims=True)
        total += (np.abs(np.fft.fft2(grey)) ** 2).sum(axis=0)
    power = total / (len(images) * height * width)
    vertical, horizontal = np.fft.fftfreq(height) * height, np.fft.fftfreq(width) * width
    radius = np.rint(np.hypot(vertical[:, None], horizontal[None, :])).astype(np.int64).ravel()
    sums = np.bincount(radius, weights=power.ravel())
    return (sums / np.bincount(radius))[: min(height, width) // 2 + 1]


def classify_images(images: Images) -> NDArray[np.str_]:
    """(N, 3, H, W) uint8 -> (N,) names of KINDS, by these rules in this order:

    soft      fewer than 90 % of the pixels lie within 32 levels of black or white;
    flat      the smallest box around all bright pixels is at least a quarter of the picture and
              97 % of it are bright;
    inverted  the same of the dark pixels, and at least 2 % of the picture are bright: the frame;
    sparse    there are bright pixels, on at most 40 % of the picture;
    other     none of these, an all-black picture too.
    """
    return np.concatenate([_classify_part(part) for part in _split(images)])


def _split(images: Images) -> Iterator[Images]:
    """(N, C, H, W) -> its parts in order, each of at most _PIXELS_AT_ONCE pixels."""
    size = max(1, _PIXELS_AT_ONCE // images[:1, 0].size)
    for start in range(0, len(images), size):
        yield images[start : start + size]


def _classify_part(images: Images) -> NDArray[np.str_]:
    grey = images.mean(axis=1)
    bright = grey >= 128
    share = bright.mean(axis=(1, 2))
    hard = ((grey < _NEAR) | (grey > 255 - _NEAR)).mean(axis=(1, 2)) >= _HARD
    rules = {
        "soft": ~hard,
        "flat": _is_box(bright),
        "inverted": _is_box(~bright) & (share >= _FRAME),
        "sparse": (share > 0) & (share <= _SPARSE),
    }
    numbers = [KINDS.index(kind) for kind in rules]
    return np.array(KINDS)[np.select(list(rules.values()), numbers, KINDS.index("other"))]


def _is_box(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, H, W) bool -> (N,) whether the true pixels fill the smallest box around them."""
    rows, columns = np.any(mask, axis=2), np.any(mask, axis=1)
    area = np.multiply(_extent(rows), _extent(columns))
    filled = mask.sum(axis=(1, 2))
    return (filled >= _FULL * area) & (area >= _BOX * mask[0].size)


def _extent(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N, L) bool -> (N,) length from the first to the last true one, 0 where there is none."""
    length = used.shape[1]
    first, last = used.argmax(axis=1), length - used[:, ::-1].argmax(axis=1)
    return np.where(used.any(axis=1), last - first, 0)
