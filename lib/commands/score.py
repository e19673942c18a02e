"""`build.py score`: a submission and features of real images -> FID, floor, KID, MiFID and more."""

import argparse
import sys
from pathlib import Path

from lib.base.places import check_input_file, check_input_place
from lib.commands.kernel_options import add_weights_option
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, find_group
from lib.kernel.configuration.challenge import SUBMITTED

_SUBMITTED = "or images.zip, or features.npy"
_REAL = "features as .npy, a run's cached features, or images as build.py features takes them"


def _add_options(parser: argparse.ArgumentParser) -> None:
    data = find_group(parser, DATA)
    data.add_argument("submission", metavar="SUBMISSION.csv", type=Path, help=_SUBMITTED)
    data.add_argument("--real", metavar="REAL", type=Path, required=True, help=_REAL)
    add_weights_option(data, "where images are given: ")


def _run(options: argparse.Namespace) -> Answer:
    from lib.commands.offline.feature_source import Source, read_features  # torch
    from lib.commands.offline.scoring import (
        TOO_FEW,
        format_scores,
        read_any_submission,
        score_features,
    )

    submission = check_input_file("score", options.submission)
    place = check_input_place("score", options.real)
    is_table = submission.suffix.lower() not in (".zip", ".npy")
    features = (
        read_any_submission(submission)
        if is_table
        else read_features(Source(submission, options.weights, stage="score"))
    )
    real = read_features(Source(place, options.weights, stage="score"))
    if is_table and len(features) != SUBMITTED:
        print(
            f"score: {len(features):,} rows, the competition asks for {SUBMITTED:,}",
            file=sys.stderr,
        )
    scores = score_features(features, real)
    if scores["excess"] is None:
        print(f"score: {TOO_FEW.format(len(real), len(features))}", file=sys.stderr)
    if warning := scores.pop("copies_warning"):
        print(f"score: {warning}", file=sys.stderr)
    return Answer(format_scores(scores), scores)


SCORE = Command(
    "score",
    "score a submission against real images: FID, floor, KID and more",
    _add_options,
    _run,
    (
        ("score submission.csv --real real.npy", "by features of real images"),
        ("score images.zip --real data", "by the pictures themselves and the shards"),
        ("score submission.csv --real real.npy --json", "for a program"),
    ),
    json="all numbers that it prints, by name: fid, floor, excess, kid, mifid, rows, ...",
)
