"""A submission and the features of real images -> FID, floor, excess and KID, offline."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lib.host.options import Command
from lib.kernel.errors import InputError
from lib.kernel.fid import check_features, features_to_statistics, frechet_distance, rank_bound
from lib.kernel.floor import measure_floor
from lib.kernel.metrics import measure_kid, measure_manifold
from lib.kernel.submission_table import FEATURES, read_table

_ASKED = 1000  # rows that the competition asks for
_DRAWS = 5  # of the floor
_SHOWN = (
    ("fid", "FID against all real images"),
    ("floor", "real-real floor: as many held-out real images against the rest"),
    ("floor_error", "  its standard error"),
    ("excess", "excess of FID over the floor"),
    ("kid", "KID, mean over subsets"),
    ("kid_spread", "  its standard deviation over them"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("density", "density"),
    ("coverage", "coverage"),
    ("rank_bound", "least FID that so many images can reach"),
    ("rows", "rows of the submission"),
    ("real", "real images"),
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("submission", metavar="SUBMISSION.csv", type=Path)
    parser.add_argument(
        "--real", metavar="FEATURES.npy", type=Path, required=True, help="(N, 2048) floats"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _run(options: argparse.Namespace) -> int:
    features = read_any_submission(options.submission)
    real = read_features(options.real)
    if len(features) != _ASKED:
        print(
            f"score: {len(features):,} rows, the competition asks for {_ASKED:,}", file=sys.stderr
        )
    scores = score_features(features, real)
    print(json.dumps(scores) if options.json else format_scores(scores))
    return 0


def format_scores(scores: dict[str, Any]) -> str:
    """The numbers of score_features -> one line each, the number first."""
    lines = []
    for key, words in _SHOWN:
        number = f"{scores[key]:,}" if isinstance(scores[key], int) else f"{scores[key]:.6g}"
        lines.append(f"{number:>12}  {words}")
    return "\n".join(lines)


def score_features(features: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """(n, 2048) and (N, 2048) floats -> every number of the score panel, by name."""
    check_features(features, "the submission's features", FEATURES)
    check_features(real, "the features of --real", FEATURES, least=4)
    statistics = features_to_statistics(real)
    fid = frechet_distance(features, statistics)
    floor = measure_floor(real, _DRAWS, 0, len(features))
    kid = measure_kid(features, real, 0)
    manifold = asdict(measure_manifold(features, real, 0))
    return {
        "fid": fid,
        "floor": floor.mean,
        "floor_error": floor.standard_error,
        "floor_size": floor.size,
        "floor_against": floor.rest,
        "excess": floor.excess(fid),
        "kid": kid.mean,
        "kid_spread": kid.spread,
        **{key: manifold[key] for key in ("precision", "recall", "density", "coverage")},
        "rank_bound": rank_bound(statistics, len(features)),
        "rows": len(features),
        "real": len(real),
    }


def read_any_submission(path: Path) -> np.ndarray:
    """A submission of anybody's -> (N, 2048) float64 in the order of its rows.

    The ids dig-000000 ... must all be there once; their order does not matter to FID.
    """
    return read_table(path, _complain, in_order=False)


def read_features(path: Path) -> np.ndarray:
    """A .npy file -> (N, 2048) float array."""
    cure = "give the real images' features as numpy.save wrote them"
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _complain(f"{path} cannot be read", "a .npy file", str(error), cure) from error
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.floating):
        got = f"{array.dtype} numbers" if isinstance(array, np.ndarray) else "an archive"
        raise _complain(f"{path} holds no features", "one array of floats", got, cure)
    return array


def _complain(
    what: str, expected: str, got: str, cure: str = "write the file as the competition asks"
) -> InputError:
    return InputError("score", what, expected=expected, got=got.partition("\n")[0], cure=cure)


SCORE = Command("score", "score a submission against features of real images", _add_options, _run)
