"""Pictures and their names -> a zip of PNG files, and such a zip -> the pictures."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from lib.base.errors import PipelineError
from lib.base.files import replacing
from lib.base.seeds import derive_seed

_TOLERANCE = 1e-3  # of a feature's standard deviation: another batch moves the last bits only
_DOS_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time stamp: equal images give an equal archive


def write_zip(
    path: Path, images: np.ndarray, name_image: Callable[[int], str], comment: str = ""
) -> None:
    """Write (N, 3, S, S) uint8 as PNG files, which the zip stores without deflating them."""
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = comment.encode()
        for index, image in enumerate(images):
            png = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(png, "PNG")
            entry = zipfile.ZipInfo(name_image(index), date_time=_DOS_EPOCH)
            archive.writestr(entry, png.getvalue())


def read_zip(path: Path, name_image: Callable[[int], str]) -> np.ndarray:
    """A zip of write_zip -> (N, 3, S, S) uint8 in the order of the numbers in their names."""
    with zipfile.ZipFile(path) as archive:
        found = archive.namelist()
        names = [name_image(index) for index in range(len(found))]
        if wrong := sorted(set(found) - set(names)) or sorted(set(names) - set(found)):
            what = f"{path.name} names its images otherwise"
            raise PipelineError("verify", what, expected=f"{names[0]} ...", got=wrong[0])
        pictures = [
            np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names
        ]
    return np.stack(pictures).transpose(0, 3, 1, 2)


def verify_features(
    written: np.ndarray,
    images: np.ndarray,
    rows: int,
    seed: int,
    extract: Callable[[np.ndarray], np.ndarray],
    name_image: Callable[[int], str],
) -> float:
    """Check that (N, 2048) features belong to (N, 3, S, S) uint8 images that were read back.

    The seed draws `rows` images, whose features `extract` computes anew: (n, 3, S, S) uint8 ->
    (n, 2048) float32. Returns the largest deviation, in standard deviations of a feature. Raises
    PipelineError where features and images do not belong together.
    """
    draw = np.random.default_rng(derive_seed(seed, "verify"))
    chosen = np.sort(draw.choice(len(images), size=min(rows, len(images)), replace=False))
    again = extract(images[chosen])
    spread = np.maximum(written.std(axis=0), np.float32(1e-6) + 1e-3 * np.abs(written).max())
    deviation = np.abs(again - written[chosen]) / spread
    worst = float(deviation.max())
    if not worst <= _TOLERANCE:
        row = int(chosen[deviation.max(axis=1).argmax()])
        raise PipelineError(
            "verify",
            f"features of {name_image(row)} differ from those of its image in the zip",
            expected=f"at most {_TOLERANCE:g} standard deviations",
            got=f"{worst:.3g}",
            cure="run the same command again; if it stays, the device computes unsteadily",
        )
    return worst
