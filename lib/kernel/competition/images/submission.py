"""The submission: images.zip and features.npy, both read back and checked.

The zip holds `samples` PNG files, named by the pattern image_name. The features go beside it, and
before the run ends, those of some pictures are computed anew and compared.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lib.base.errors import PipelineError
from lib.base.files import write_bytes, write_text
from lib.base.log import log
from lib.base.run_files import IMAGES
from lib.kernel.competition.contract import Remarks
from lib.kernel.competition.image_zip import read_zip, verify_features, write_zip
from lib.kernel.competition.images.rules import FEATURES_FILE
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.configuration.config import Config

_NOTE = """images.zip: {samples:,} PNG files, {first} to {last}.
features.npy: their Inception-V3 features, {samples:,} rows of {features:,} float32 in that order.
recipe {recipe}, seed {seed}; features by {extractor}
{warning}"""


def write_files(output: Path, images: np.ndarray, features: np.ndarray, remarks: Remarks) -> None:
    """Write images.zip, features.npy and a note: (n, 3, S, S) uint8, (n, 2048) float32."""
    if features.shape != (len(images), FEATURES) or not np.isfinite(features).all():
        raise PipelineError(
            "submission",
            "features are not finite or not of these images",
            expected=f"({len(images)}, {FEATURES})",
            got=f"{features.shape}",
        )
    name_image = remarks.image_name.format
    write_zip(output / IMAGES, images, name_image, comment=remarks.warning)
    content = io.BytesIO()
    np.save(content, features.astype(np.float32), allow_pickle=False)
    write_bytes(output / FEATURES_FILE, content.getvalue())
    note = _NOTE.format(
        samples=len(images),
        first=name_image(0),
        last=name_image(len(images) - 1),
        features=FEATURES,
        recipe=remarks.recipe,
        seed=remarks.seed,
        extractor=remarks.extractor,
        warning=remarks.warning,
    )
    write_text(output / "submission.txt", note.rstrip() + "\n")


def verify_files(
    output: Path, config: Config, *, rows: int, extract: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Read the files of write_files back and return the largest deviation, see verify_features."""
    name_image = config.image_name.format
    images = read_zip(output / IMAGES, name_image)
    written = np.load(output / FEATURES_FILE, allow_pickle=False)
    side = (3, config.image_px, config.image_px)
    if (len(written), images.shape) != (config.samples, (config.samples, *side)):
        raise PipelineError(
            "verify",
            "features and images are of another number or size",
            expected=f"{config.samples} of {side[1]} px",
            got=f"{len(written)} rows and images {images.shape}",
        )
    worst = verify_features(written, images, rows, config.seed, extract, name_image)
    log("verify", f"{rows} rows computed anew differ by at most {worst:.1e} standard deviations")
    return worst
