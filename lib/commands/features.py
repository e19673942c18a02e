"""`build.py features`: pictures, shards or a pool -> a .npy file of their Inception features."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place, check_output_file
from lib.commands.options import Command
from lib.kernel.configuration.aliases import take_old_names
from lib.kernel.configuration.config import POLICIES


def _add_options(parser: argparse.ArgumentParser) -> None:
    words = "a folder or zip of pictures or of shards, or a pool.npy of (N, 1 or 3, 32, 32) uint8"
    parser.add_argument("images", metavar="IMAGES", type=Path, help=words)
    parser.add_argument(
        "-o", "--output", metavar="FEATURES.npy", type=Path, required=True, help="(N, 2048) float32"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="Inception-V3 state dict; 'random' for a smoke test"
    )
    parser.add_argument(
        "--policy", default=POLICIES[0], metavar="NAME", help=f"of shards: {', '.join(POLICIES)}"
    )


def _run(options: argparse.Namespace) -> int:
    place = check_input_place("features", options.images)
    check_output_file("features", options.output)
    import numpy as np

    from lib.base.files import replacing
    from lib.commands.offline.feature_source import Source, extract_source
    from lib.kernel.competition.gan_challenge.decode_policy import get_policy

    policy = take_old_names("policy", options.policy)[1]
    get_policy(policy)
    source = Source(place, options.weights, policy)
    features, extractor = extract_source(source)
    with replacing(options.output) as file:
        np.save(file, features)
    print(f"{options.output}: {len(features):,} x {features.shape[1]:,}, {extractor.describe()}")
    return 0


FEATURES = Command("features", "pictures -> their Inception features", _add_options, _run)
