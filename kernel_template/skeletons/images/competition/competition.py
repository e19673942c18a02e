"""My Competition: pixels in csv files come in, images.zip goes out."""

import dataclasses
import hashlib
import io
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kernel_template.skeletons.images.competition.rules import RULES
from lib.base.errors import InputError
from lib.base.log import log
from lib.kernel.competition.contract import Glance, Images
from lib.kernel.competition.images.competition import COMPETITION as PICTURES
from lib.kernel.competition.images.find_pictures import hash_content
from lib.kernel.competition.images.input_files import InputFile, walk_input
from lib.kernel.competition.images.to_image_px import fit_array, read_square
from lib.kernel.competition.unseen import part_images, set_aside
from lib.kernel.configuration.config import Config
from lib.kernel.recipe import Recipe


def read_pictures(files: Iterable[InputFile]) -> Iterator[tuple[str, np.ndarray | bytes]]:
    """REWRITE THIS ONE. The input's files -> (a name, the picture) of each picture in them.

    A picture is (H, W) or (H, W, 3) uint8 of any size, or the bytes of an image file. As it stands,
    this reads csv files whose columns pixel0, pixel1, ... are a row's square grey picture.
    """
    for file in files:
        if not file.name.lower().endswith(".csv"):
            continue
        header, _, rows = file.read().partition(b"\n")
        names = header.decode().replace('"', "").strip().split(",")
        columns = [place for place, name in enumerate(names) if name.startswith("pixel")]
        side = math.isqrt(len(columns))
        if side == 0 or side**2 != len(columns):
            continue  # such as a sample_submission.csv
        try:
            table = np.loadtxt(io.BytesIO(rows), np.uint8, delimiter=",", usecols=columns, ndmin=2)
        except (ValueError, OverflowError) as error:
            raise InputError(
                "pictures",
                f"{file.name} cannot be read",
                expected="whole numbers from 0 to 255 in its columns pixel0, pixel1, ...",
                got=str(error),
                cure="mend the file, or rewrite read_pictures",
            ) from error
        for number, pixels in enumerate(table):
            yield f"{file.name}#{number}", pixels.reshape(side, side)


# What follows works for any read_pictures.


class Squares(NamedTuple):
    """The input's pictures as squares of S px."""

    names: list[str]
    images: np.ndarray  # (N, 3, S, S) uint8
    rejected: Counter[str]  # why a picture could not be read -> how many


def walk(source: Path) -> Iterator[InputFile]:
    """Input -> its files at any depth and inside of zips and tars, without hidden ones."""
    return (file for file in walk_input(source) if not file.left_out)


def hash_input(source: Path) -> str:
    """Input -> a hash of the names and bytes of all its files."""
    digest = hashlib.sha256()
    for file in walk(source):
        digest.update(f"\n{file.name}\n".encode(errors="backslashreplace"))
        digest.update(file.fault.encode() or hash_content(file))
    return digest.hexdigest()


def load_squares(source: Path, side: int, most: int | None = None) -> Squares:
    """(input, S, pictures to read at most) -> Squares."""
    names, squares, rejected = [], [], Counter[str]()
    files = list(walk(source))
    rejected.update(file.fault for file in files if file.fault)
    sound = (file for file in files if not file.fault)
    for name, picture in itertools.islice(read_pictures(sound), most):
        if isinstance(picture, bytes):
            found = read_square(picture, side)
        else:
            found = fit_array(picture, side, pads=True)
        if isinstance(found, str):
            rejected[found] += 1
            continue
        names.append(name)
        colours = np.broadcast_to(np.atleast_3d(found[0]), (side, side, 3))
        squares.append(colours.transpose(2, 0, 1))
    if len(squares) < 2:
        raise InputError(
            "pictures",
            f"read_pictures of {RULES.name} found too few below {source}",
            expected="at least 2 pictures",
            got=", ".join([str(len(squares)), *rejected]),
            cure=f"give the folder of its data, or rewrite read_pictures in {__name__}",
        )
    return Squares(names, np.ascontiguousarray(np.stack(squares)), rejected)


def glance(source: Path, config: Config, most: int) -> Glance:
    """(input, config, most pictures to count) -> Glance."""
    images = load_squares(source, config.image_px, most).images
    return Glance(images[:100], len(images))


def read_images(
    source: Path, cache: Path, recipe: Recipe, config: Config, digest: str, work: Path
) -> Images:
    """Input -> Images; grey pictures are trained on as one channel. See set_aside on `work`."""
    names, images, rejected = load_squares(source, config.image_px)
    aside = set_aside(names, recipe, config, work)
    log("pictures", f"kept {len(images):,}, rejected {rejected.total():,}. {aside.note}")
    real, unseen = part_images(images, names, aside)
    is_grey = bool((images == images[:, :1]).all())
    channels = 1 if is_grey and recipe.channels is None else 3
    metrics = {
        "image_px": config.image_px,
        "kept": len(images),
        "rejected": rejected.total(),
        "rejected_by_reason": dict(rejected.most_common()),
        "grey": is_grey,
        "unseen": len(unseen),
        "unseen_note": aside.note,
        "fid_unseen": None,
    }
    own = real[:, :channels], unseen[:, :channels]
    return Images(real, own[0], unseen, own[1], aside.note, metrics)


COMPETITION = dataclasses.replace(
    PICTURES, rules=RULES, hash_input=hash_input, glance=glance, read_images=read_images
)
