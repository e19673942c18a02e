"""`build.py features`: pictures, shards or a pool -> a .npy file of their Inception features."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place
from lib.commands.kernel_options import add_policy_option, add_weights_option
from lib.commands.options import Answer, Command
from lib.commands.output_file import check_output_file
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group
from lib.kernel.configuration.aliases import take_old_names


def _add_options(parser: argparse.ArgumentParser) -> None:
    words = "a folder or zip of pictures or of shards, or a pool.npy of (N, 1 or 3, 32, 32) uint8"
    data = find_group(parser, DATA)
    data.add_argument("images", metavar="IMAGES", type=Path, help=words)
    add_weights_option(data)
    add_policy_option(data)
    find_group(parser, OUTPUT).add_argument(
        *("-o", "--output"),
        metavar="FEATURES.npy",
        type=Path,
        required=True,
        help="a row for each picture, (N, 2048) float32",
    )


def _run(options: argparse.Namespace) -> Answer:
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
    rows, width = features.shape
    text = f"{options.output}: {rows:,} x {width:,}, {extractor.describe()}"
    facts = {"output": options.output, "rows": rows, "features": width}
    return Answer(text, {**facts, "extractor": extractor.describe()})


FEATURES = Command(
    "features",
    "write the Inception features of pictures, shards or a pool",
    _add_options,
    _run,
    (
        ("features images.zip -o features.npy", "of a run's pictures"),
        ("features data -o real.npy", "of the competition's shards"),
        ("features pool.npy -o features.npy --weights random", "a smoke test"),
    ),
    json="output, rows, features and extractor",
)
