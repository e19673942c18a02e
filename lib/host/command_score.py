"""`build.py score`: a submission and features of real images -> FID, floor, excess and KID."""

import argparse
import json
import sys
from pathlib import Path

from lib.host.options import Command
from lib.kernel.places import check_input_file


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("submission", metavar="SUBMISSION.csv", type=Path)
    parser.add_argument(
        "--real", metavar="FEATURES.npy", type=Path, required=True, help="(N, 2048) floats"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _run(options: argparse.Namespace) -> int:
    from lib.host.scoring import (  # torch
        ASKED,
        format_scores,
        read_any_submission,
        read_features,
        score_features,
    )

    features = read_any_submission(check_input_file("score", options.submission))
    real = read_features(check_input_file("score", options.real))
    if len(features) != ASKED:
        print(f"score: {len(features):,} rows, the competition asks for {ASKED:,}", file=sys.stderr)
    scores = score_features(features, real)
    print(json.dumps(scores) if options.json else format_scores(scores))
    return 0


SCORE = Command("score", "score a submission against features of real images", _add_options, _run)
