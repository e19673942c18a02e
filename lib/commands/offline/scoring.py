"""A submission and the features of real images -> FID, floor, excess, KID and MiFID, offline."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import InputError
from lib.base.tables import format_table
from lib.commands.offline.copies import count_copies
from lib.kernel.competition.gan_challenge.submission_table import read_table
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.metrics.fid import (
    check_features,
    features_to_statistics,
    frechet_distance,
    rank_bound,
)
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.kid_prdc import measure_kid, measure_manifold
from lib.kernel.metrics.mifid import measure_memorisation

_DRAWS = 5  # of the floor
TOO_FEW = "{:,} real rows are too few to say what {:,} rows exceed the floor by"
_SHOWN = (
    ("fid", "FID against all real images"),
    ("floor", "real-real floor: FID that an ideal generator would get"),
    ("floor_error", "  its standard error"),
    ("floor_size", "  for so many images"),
    ("floor_against", "  against so many real ones"),
    ("excess", "excess of FID over the floor"),
    ("kid", "KID, mean over subsets"),
    ("kid_spread", "  its standard deviation over them"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("density", "density"),
    ("coverage", "coverage"),
    ("manifold_size", "  images on either side of these four"),
    ("mifid", "MiFID: FID, raised where rows are nearly rows of --real"),
    ("memorisation_distance", "  mean distance of a row to the nearest of --real, 1 - |cosine|"),
    ("memorisation_distance_real", "  of as many rows of --real to the others"),
    ("copies", "rows that are real rows"),
    ("copies_expected", "  of as many real rows so many are another real row too"),
    ("nearer_than_real", "rows nearer to a real one than 99 % of distinct real rows are"),
    ("nearer_expected", "  of as many real rows"),
    ("rank_bound", "least FID that so many images can reach"),
    ("rows", "rows of the submission"),
    ("real", "real images"),
)


def format_scores(scores: dict[str, Any]) -> str:
    """The numbers of score_features -> one line each, with the number first."""
    rows = []
    for key, words in _SHOWN:
        value = scores[key]
        number = "unknown" if value is None else f"{value:.6g}"
        number = f"{value:,}" if isinstance(value, int) else number
        rows.append((number, words))
    return format_table(rows, right=(0,), least=(12,))


def score_features(features: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """(n, 2048), (N, 2048) floats -> all numbers that `score` prints, by name."""
    check_features(features, "the submission's features", FEATURES)
    check_features(real, "the features of --real", FEATURES, least=4)
    statistics = features_to_statistics(real)
    fid = frechet_distance(features, statistics)
    floor = measure_floor(real, _DRAWS, 0, len(features))
    kid = measure_kid(features, real, 0)
    manifold = asdict(measure_manifold(features, real, 0))
    copies = count_copies(features, real)
    memorisation = measure_memorisation(features, real, 0)
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
        "manifold_size": manifold["size"],
        "mifid": memorisation.penalise(fid),
        "memorisation_distance": memorisation.distance,
        "memorisation_distance_real": memorisation.distance_real,
        **asdict(copies),
        "copies_warning": copies.describe(len(features)),
        "rank_bound": rank_bound(statistics, len(features)),
        "rows": len(features),
        "real": len(real),
    }


def read_any_submission(path: Path) -> np.ndarray:
    """Any submission.csv -> (N, 2048) float64 in the order of its rows.

    Each id from dig-000000 on must be there once. Their order does not change FID.
    """
    return read_table(path, _complain, in_order=False)


def _complain(
    what: str, expected: str, got: str, cure: str = "write the file as the competition asks"
) -> InputError:
    return InputError("score", what, expected=expected, got=got.partition("\n")[0], cure=cure)
