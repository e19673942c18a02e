"""Competition images: pictures of any kind in, images.zip and their features out."""

from pathlib import Path

import numpy as np

from lib.base.errors import InputError
from lib.base.log import log
from lib.kernel.competition.contract import Competition, Glance, Images
from lib.kernel.competition.hand_over import check_unchanged, describe_decoding, keep_channels
from lib.kernel.competition.images.dataset import SUMMARY_FILE, decode_pictures
from lib.kernel.competition.images.decode import decode_block, read_blocks
from lib.kernel.competition.images.find_pictures import find_pictures, hash_pictures
from lib.kernel.competition.images.rules import RULES
from lib.kernel.competition.images.submission import verify_files, write_files
from lib.kernel.competition.unseen import part_images, set_aside
from lib.kernel.configuration.config import Config
from lib.kernel.recipe import Recipe


def hash_input(source: Path) -> str:
    """Input -> a hash of the files with pictures in it."""
    return hash_pictures(find_pictures(source))


def glance(source: Path, config: Config, most: int) -> Glance:
    """(input, config, most pictures to count) -> Glance, of as few blocks as will do."""
    side, records = config.image_px, 0
    images = np.empty((0, 1, side, side), np.uint8)
    for block in read_blocks(find_pictures(source)):
        records += block.count
        if not len(images):
            images = decode_block(block, side).pixels
        if records >= most and len(images):
            break
    return Glance(images, records)


def read_images(
    source: Path, cache: Path, recipe: Recipe, config: Config, digest: str, work: Path
) -> Images:
    """Pictures in an input -> Images; the squares that they become are kept in the cache.

    `work` is the training folder, see set_aside.
    """
    folder = cache / f"pictures-{digest[:12]}-{config.image_px}px"
    own = decode_pictures(find_pictures(source), folder, config.image_px, digest)
    try:
        if not folder.is_relative_to(source):  # a cache there has changed the input itself
            check_unchanged(digest, hash_input(source))
    except (InputError, OSError):
        (folder / SUMMARY_FILE).unlink(missing_ok=True)  # so that it is decoded anew
        raise
    ids = own.load_ids()
    aside = set_aside(ids, recipe, config, work)
    log("unseen", aside.note)
    real, unseen = part_images(own.load_images(), ids, aside)
    training, unseen_own = real, unseen
    training, unseen_own = keep_channels(own, recipe, training, unseen_own)
    metrics = describe_decoding(own, len(unseen), aside.note, image_px=own.side)
    return Images(real, training, unseen, unseen_own, aside.note, metrics)


COMPETITION = Competition(
    rules=RULES,
    hash_input=hash_input,
    glance=glance,
    read_images=read_images,
    write_submission=write_files,
    verify_submission=verify_files,
)
