"""The submission: submission.csv and images.zip, both read back and checked.

The competition takes features, not pictures: a row "dig-000000,f0,...,f2047" for each of 1,000. The
pictures go beside it, and before the run ends, the features of some are computed anew and compared.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lib.base.errors import PipelineError
from lib.base.files import replacing, write_bytes, write_text
from lib.base.log import log
from lib.base.run_files import IMAGES, SUBMISSION
from lib.kernel.competition.contract import Remarks
from lib.kernel.competition.gan_challenge.submission_table import HEADER, name_image, read_table
from lib.kernel.competition.image_zip import read_zip, verify_features, write_zip
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.configuration.config import Config

_NOTE = """submission.csv: {samples:,} rows of Inception-V3 features, images in images.zip.
recipe {recipe}, seed {seed}; features by {extractor}
{warning}"""


def write_submission(path: Path, features: np.ndarray) -> None:
    """Write (N, 2048) float32 as a CSV with the header id,f0,...,f2047.

    Nine digits hold a float32 exactly.
    """
    stage = "submission"
    if features.ndim != 2 or features.shape[1] != FEATURES:
        raise PipelineError(
            stage, "wrong shape", expected=f"(N, {FEATURES})", got=str(features.shape)
        )
    if not np.isfinite(features).all():
        rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise PipelineError(stage, "features are not finite", got=f"rows {rows[:5].tolist()}")
    header = ",".join(HEADER)
    row_format = ",".join(["%.9g"] * FEATURES)
    with replacing(path) as file:
        file.write(f"{header}\n".encode())
        for index, row in enumerate(features.tolist()):
            file.write(f"{name_image(index)},{row_format % tuple(row)}\n".encode())


def write_images(path: Path, images: np.ndarray, comment: str = "") -> None:
    """Write (N, 3, 32, 32) uint8 as a zip of dig-000000.png ...; PNGs are stored, not deflated."""
    write_zip(path, images, _name_file, comment)


def read_images(path: Path) -> np.ndarray:
    """A zip of write_images -> (N, 3, 32, 32) uint8 in the order of the ids."""
    return read_zip(path, _name_file)


def read_submission(path: Path) -> np.ndarray:
    """submission.csv -> (N, 2048) float32, refused unless header, ids and numbers are right."""

    def refuse(what: str, expected: str, got: str) -> PipelineError:
        return PipelineError("verify", what, expected=expected, got=got)

    return read_table(path, refuse, in_order=True).astype(np.float32)


def write_files(output: Path, images: np.ndarray, features: np.ndarray, remarks: Remarks) -> None:
    """Write submission.csv, its note and images.zip: (n, 3, 32, 32) uint8, (n, 2048) float32."""
    table = output / SUBMISSION
    write_submission(table, features)
    facts = {"samples": len(images), "recipe": remarks.recipe, "seed": remarks.seed}
    note = _NOTE.format(**facts, extractor=remarks.extractor, warning=remarks.warning)
    write_text(output / "submission.txt", note.rstrip() + "\n")
    write_images(output / IMAGES, images, comment=remarks.warning)
    if remarks.epoch is not None:
        copy = output / f"submission_epoch_{remarks.epoch:03d}.csv"
        write_bytes(copy, table.read_bytes())


def verify_files(
    output: Path, config: Config, *, rows: int, extract: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Check the files of write_files and return the largest deviation, see verify_submission."""
    table, archive = output / SUBMISSION, output / IMAGES
    worst = verify_submission(table, archive, config.samples, rows, config.seed, extract)
    log("verify", f"{rows} rows computed anew differ by at most {worst:.1e} standard deviations")
    return worst


def verify_submission(
    csv_path: Path,
    zip_path: Path,
    count: int,
    rows: int,
    seed: int,
    extract: Callable[[np.ndarray], np.ndarray],
) -> float:
    """Check that the features in the CSV are those of the images in the zip.

    The seed draws `rows` images, whose features `extract` computes anew, see verify_features.
    Raises PipelineError where CSV and images do not belong together.
    """
    written, images = read_submission(csv_path), read_images(zip_path)
    if len(written) != count or len(images) != count:
        got = f"{len(written)} rows and {len(images)} images"
        raise PipelineError("verify", "counts differ", expected=str(count), got=got)
    return verify_features(written, images, rows, seed, extract, name_image)


def _name_file(index: int) -> str:
    return f"{name_image(index)}.png"
