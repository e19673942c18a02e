"""The GAN Challenge: shards of base64 records in, submission.csv and images.zip out."""

from pathlib import Path

import numpy as np

from lib.base.log import log
from lib.kernel.competition.contract import Competition, Glance, Images
from lib.kernel.competition.gan_challenge.dataset import Decoded, decode_dataset
from lib.kernel.competition.gan_challenge.decode_block import decode_block
from lib.kernel.competition.gan_challenge.decode_policy import get_policy
from lib.kernel.competition.gan_challenge.rules import RULES
from lib.kernel.competition.gan_challenge.shard_lines import DataDigest, hash_shards, read_blocks
from lib.kernel.competition.gan_challenge.shards import find_shards
from lib.kernel.competition.gan_challenge.submission import verify_files, write_files
from lib.kernel.competition.hand_over import check_unchanged, describe_decoding, keep_channels
from lib.kernel.competition.unseen import part_images, set_aside
from lib.kernel.configuration.aliases import name_in_caches
from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.configuration.config import OFFICIAL, Config
from lib.kernel.recipe import Recipe


def hash_input(source: Path) -> str:
    """Input folder -> a hash of the shards' unpacked bytes."""
    return hash_shards(find_shards(source))


def glance(source: Path, config: Config, most: int) -> Glance:
    """(input folder, config, most records to count) -> Glance, of as few blocks as will do."""
    images, records = np.empty((0, 1, IMAGE_PX, IMAGE_PX), np.uint8), 0
    for block in read_blocks(find_shards(source), DataDigest()):
        records += block.data.count(b"\n") + (not block.data.endswith(b"\n"))
        if not len(images):
            images = decode_block(block, get_policy(config.policy)).pixels
        if records >= most:
            break
    return Glance(images, records)


def read_images(
    source: Path, cache: Path, recipe: Recipe, config: Config, digest: str, work: Path
) -> Images:
    """Shards in a folder -> Images, decoded by policy official and by the recipe's own.

    Each decoding is kept in the cache. `work` is the training folder, see set_aside.
    """

    def decode(policy: str) -> Decoded:
        folder = cache / f"decoded-{digest[:12]}-{name_in_caches(policy)}"
        decoded = decode_dataset(source, folder, policy)
        check_unchanged(digest, decoded.data_sha256)
        return decoded

    official = decode(OFFICIAL)
    own = official if config.policy == OFFICIAL else decode(config.policy)
    aside = set_aside(official.load_ids(), recipe, config, work)
    log("unseen", aside.note)
    real, unseen = part_images(official.load_images(), official.load_ids(), aside)
    training, unseen_own = part_images(own.load_images(), own.load_ids(), aside)
    training, unseen_own = keep_channels(own, recipe, training, unseen_own)
    metrics = describe_decoding(own, len(unseen), aside.note, policy=own.policy)
    return Images(real, training, unseen, unseen_own, aside.note, metrics)


COMPETITION = Competition(
    rules=RULES,
    hash_input=hash_input,
    glance=glance,
    read_images=read_images,
    write_submission=write_files,
    verify_submission=verify_files,
)
