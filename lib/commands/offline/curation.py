"""Features of a pool and of real images -> the row numbers of the subset with the least FID."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import InputError
from lib.base.files import replacing
from lib.base.seeds import derive_seed
from lib.commands.offline.feature_source import Source, read_features
from lib.commands.options import Answer
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.curation.curate import DEFAULT_ROUNDS, choose_subset
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.fid import (
    Statistics,
    check_features,
    features_to_statistics,
    frechet_distance,
)
from lib.kernel.metrics.floor import measure_floor

_DRAWS = 5
_FLOOR = ("floor", "floor_error", "floor_size", "floor_against")  # as `score` names them


def curate_files(options: argparse.Namespace) -> Answer:
    """Write the chosen rows and tell their FIDs, by the options of `curate`."""
    rounds = DEFAULT_ROUNDS if options.rounds is None else options.rounds
    _check_options(options, rounds)
    pool = _read_features(options.pool, options.weights, "the pool's features", max(options.n, 2))
    real = _read_features(options.real, options.weights, "the features of --real", 4)
    order = np.random.default_rng(derive_seed(options.seed, "holdout")).permutation(len(real))
    if options.holdout and not 2 <= options.holdout <= len(real) - 2:
        raise _complain(
            "--holdout leaves too few real rows on one side",
            f"0 or 2 to {len(real) - 2}",
            str(options.holdout),
            "hold out about half of them",
        )
    used, unseen = real[np.sort(order[options.holdout :])], real[np.sort(order[: options.holdout])]
    statistics = features_to_statistics(used)
    device = choose_device().torch_device
    curation = choose_subset(
        pool, statistics, options.n, options.seed, rounds, options.seconds, device
    )
    with replacing(options.output) as file:
        np.save(file, curation.chosen)
    sides = {"the real rows used": statistics}
    if options.holdout:
        sides["the real rows held out"] = features_to_statistics(unseen)
    chosen, floors = curation.chosen, []
    against = [_measure(name, pool, chosen, sides[name], options.seed) for name in sides]
    lines = [_describe(one) for one in against]
    counts = dict.fromkeys((len(used), len(unseen)) if options.holdout else (len(used),))
    for count in counts:
        floor = measure_floor(real, _DRAWS, options.seed, options.n, count)
        values = (floor.mean, floor.standard_error, floor.size, floor.rest)
        floors.append(dict(zip(_FLOOR, values, strict=True)))
        lines.append(f"floor: {floor.mean:.6g} +- {floor.standard_error:.2g}, {floor.describe()}")
    lines += [
        "the rows were chosen by FID: quote it beside the random draw's, never as the model's",
        f"{options.output}: {len(curation.chosen):,} row numbers of {len(pool):,}",
    ]
    facts = {"chosen": len(curation.chosen), "pool": len(pool), "output": options.output}
    return Answer("\n".join(lines), {"against": against, "floors": floors, **facts})


def _measure(
    name: str, pool: np.ndarray, chosen: np.ndarray, statistics: Statistics, seed: int
) -> dict[str, Any]:
    """Measure the FIDs of random draws and of the chosen rows against real images."""
    random = np.random.default_rng(derive_seed(seed, "random draws"))
    values = [
        frechet_distance(pool[random.choice(len(pool), len(chosen), replace=False)], statistics)
        for _ in range(_DRAWS)
    ]
    return {
        "name": name,
        "real": statistics.count,
        "random_draw": float(np.mean(values)),
        "random_draw_spread": float(np.std(values, ddof=1)),
        "draws": _DRAWS,
        "curated": frechet_distance(pool[chosen], statistics),
    }


def _describe(found: dict[str, Any]) -> str:
    """What _measure found -> a line."""
    mean, spread, after = (found[key] for key in ("random_draw", "random_draw_spread", "curated"))
    gain = f", {1 - after / mean:.1%} below" if mean > 0 else ""
    return (
        f"against {found['name']} ({found['real']:,}): random draw {mean:.6g} +- {spread:.2g} "
        f"({found['draws']} draws), curated {after:.6g}{gain}"
    )


def _check_options(options: argparse.Namespace, rounds: int) -> None:
    if options.n < 2:
        raise _complain("-n is too small", "at least 2", str(options.n), "choose more rows")
    if rounds < 0 or options.holdout < 0 or not options.seconds > 0:
        raise _complain(
            "--rounds, --holdout or --seconds is out of range",
            "rounds and holdout of at least 0, more than 0 seconds",
            f"{rounds}, {options.holdout}, {options.seconds:g}",
            "see build.py curate --help",
        )


def _read_features(path: Path, weights: str | None, name: str, least: int) -> np.ndarray:
    """A file or folder that feature_source reads -> (N >= least, 2048) finite floats."""
    features = read_features(Source(path, weights, stage="curate"))
    check_features(features, name, FEATURES, least)
    return features


def _complain(what: str, expected: str, got: str, cure: str) -> InputError:
    return InputError("curate", what, expected=expected, got=got.partition("\n")[0], cure=cure)
