"""A run's output -> whether its files, its manifest and its features are those that it wrote."""

import re
import sys
import zipfile
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, PipelineError
from lib.base.files import sha256_file
from lib.base.run_files import MANIFEST, METRICS, REPORT, SUBMISSION
from lib.base.tables import format_table
from lib.commands.options import Answer
from lib.kernel.competition.contract import Competition
from lib.kernel.competition.table import load_competition
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.features import Extractor, load_extractor
from lib.kernel.metrics.inception_tf import use_tf_layout
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.planning.speeds import count_verified
from lib.kernel.report.manifest import Manifest, find_damage, list_entries, read_manifest

_STAGE = "verify"
_NAMED = 5  # findings in the error's line; the answer has them all
_NEEDED = ("config", "weights_file", "weights_sha256", "random_weights")  # to compute features
_UNSEALED = "older manifest without a seal: its own lines cannot be checked"


@dataclass(frozen=True)
class _Features:
    """What computing features anew told."""

    words: str
    rows: int = 0
    deviation: float | None = None  # the largest one, in standard deviations of a feature
    damage: str = ""
    refusal: InputError | None = None  # why none were computed, where the user can mend it


def verify_output(output: Path, weights: Path | None, all_rows: bool) -> Answer:
    """(a run's output, Inception's file, whether to compute all features) -> what was found.

    An error where the folder holds no manifest. Where the weights are missing or not the run's,
    the answer tells of the files alone, and ends in that error.
    """
    manifest = _read(output)
    entries = list_entries(output)
    damage = find_damage(output, {"artefacts": {}, **manifest.values})
    listed = manifest.values.get("artefacts")
    names = listed.keys() if isinstance(listed, dict) else set()
    unnamed = sorted(entries.keys() - names - {MANIFEST, *_name_logs(output)})
    whole = not damage and not entries.get(MANIFEST)
    damage += [f"{MANIFEST} {entries[MANIFEST]}"] if entries.get(MANIFEST) else []
    features = _Features("not computed, for files were changed")
    if whole:
        try:
            features = _check_features(output, manifest.values, weights, all_rows)
        except InputError as refusal:
            features = _Features(f"not computed: {refusal.what}", refusal=refusal)
        damage += [features.damage] if features.damage else []
    facts = {
        "output": output,
        "whole": not damage and not unnamed and not features.refusal,
        "sealed": manifest.is_sealed,
        "files": len(names),
        "bytes": sum((output / name).stat().st_size for name in names if entries.get(name) == ""),
        "damage": damage,
        "unnamed": unnamed,
        "rows": features.rows,
        "deviation": features.deviation,
    }
    failure = _make_error(damage, unnamed) or features.refusal
    return Answer(_format(facts, features.words), facts, failure=failure)


def _read(output: Path) -> Manifest:
    """Read the manifest of an output, or refuse the place."""
    try:
        return read_manifest(output)
    except OSError as error:
        wrong = error.strerror or "cannot be read"
    has_run = any((output / name).is_file() for name in (SUBMISSION, METRICS, REPORT))
    kind = PipelineError if has_run else InputError
    raise kind(
        _STAGE,
        f"{MANIFEST}, which names all files of a run, cannot be read",
        got=f"{output}: {wrong}",
        cure="fetch the version again, or end the run with the command that began it"
        if has_run
        else "name the output folder of a finished run",
    )


def _name_logs(output: Path) -> set[str]:
    """Name the logs that `fetch` adds to the outputs in runs/SLUG/vN."""
    place = output.resolve()
    is_fetched = re.fullmatch(r"v\d+", place.name)
    return {f"{place.parent.name}{end}" for end in (".log", ".kaggle.log")} if is_fetched else set()


def _check_features(
    output: Path, values: dict[str, Any], weights: Path | None, all_rows: bool
) -> _Features:
    """Compute features of the output's pictures anew and compare them with those it holds."""
    if lacking := [key for key in _NEEDED if key not in values]:
        return _Features(f"not computed, for the manifest does not tell {', '.join(lacking)}")
    with redirect_stdout(sys.stderr):  # what the kernel's own parts log
        config = _make_config(values["config"])
        competition = load_competition(config.competition)
        extractor, rows = _load_network(config, values, weights)
        rows = config.samples if all_rows else rows
        return _compare(output, competition, config, extractor, rows)


def _compare(
    output: Path, competition: Competition, config: Config, extractor: Extractor, rows: int
) -> _Features:
    told = f"{rows:,} of {config.samples:,} rows computed anew"
    try:
        worst = competition.verify_submission(output, config, rows=rows, extract=extractor.extract)
    except PipelineError as error:
        wrong = str(error).splitlines()[0].removeprefix(f"{_STAGE}: ")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        wrong = f"{' and '.join(competition.rules.files)} cannot be read: {error}"
    else:
        return _Features(f"{told}, at most {worst:.1e} standard deviations off", rows, worst)
    return _Features(f"{told}, others than those written", rows, damage=wrong)


def _make_config(stored: Any) -> Config:
    """A manifest's config, of any version -> Config; keys that are gone since are left out."""
    values = modernise_config(stored) if isinstance(stored, dict) else {}
    known = {field.name for field in fields(Config)}
    try:
        values = {key: value for key, value in values.items() if key in known}
        return Config(**{**values, "given": tuple(values.get("given", ()))})
    except TypeError as error:
        cure = "verify it with the version of this project that made it"
        got = str(error)
        raise PipelineError(_STAGE, "the manifest's config is none", got=got, cure=cure) from None


def _load_network(
    config: Config, values: dict[str, Any], weights: Path | None
) -> tuple[Extractor, int]:
    """The run's network on this machine, and the rows of a seeded part of its submission."""
    name, stated = str(values["weights_file"]), str(values["weights_sha256"])
    device = choose_device()
    path = None
    if weights and sha256_file(weights) != (stated or None):
        raise InputError(
            _STAGE,
            f"{weights} is not the weights file of this run",
            expected=f"sha256 {stated[:12]}" if stated else "none: its weights were random",
            got=f"sha256 {sha256_file(weights)[:12]}",
            cure=f"give the file {name}" if stated else "leave out --weights",
        )
    if not values["random_weights"]:
        path = weights or find_weights(name, stated, None, Path("/kaggle/input"))
    return load_extractor(config, path, device, use_tf_layout=use_tf_layout), count_verified(
        config, device
    )


def _format(facts: dict[str, Any], features: str) -> str:
    damage, unnamed = facts["damage"], facts["unnamed"]
    rows = [
        (MANIFEST, "each key as its seal says" if facts["sealed"] else _UNSEALED),
        ("files", f"{facts['files']:,} named, {facts['bytes']:,} bytes"),
        ("features", features),
        *(("wrong", show_name(each)) for each in damage),
        *(("unnamed", f"{show_name(each)} is not in the manifest") for each in unnamed),
    ]
    if any(each.startswith(MANIFEST) for each in damage):
        rows = rows[1:]
    return f"{format_table(rows)}\n{'whole' if facts['whole'] else 'not shown to be whole'}"


def _make_error(damage: list[str], unnamed: list[str]) -> PipelineError | None:
    if not damage and not unnamed:
        return None
    found = [*damage, *(f"{name} is not named" for name in unnamed)]
    got = "; ".join(map(show_name, found[:_NAMED])) + ("; ..." if len(found) > _NAMED else "")
    return PipelineError(
        _STAGE,
        f"{len(found):,} finding{'s' * (len(found) > 1)} in the output",
        got=got,
        cure="fetch the version again, or run again the command that made it"
        if damage
        else "move away what the run did not write",
    )


def show_name(text: str) -> str:
    """A text with a file's name in it -> the same in one line, whatever bytes the name has."""
    return text if text.isprintable() else ascii(text)
