"""A run's metrics -> the report's tiles: its scores, each with a word of what it means."""

from collections.abc import Mapping
from typing import Any

from lib.kernel.report.verdict import find_multiple


def list_tiles(metrics: Mapping[str, Any], is_random: bool) -> list[dict[str, str]]:
    """(metrics, whether Inception's weights are random) -> label, value and note of each tile."""
    metrics = {**metrics.get("details", {}), **metrics}  # extra metrics may have tiles as well
    tiles = _show_multiple(metrics, is_random)
    for key, label, note in (
        ("fid", "FID of the submission", "lower is better"),
        ("fid_random", "FID of a random draw", "not curated: the generator's own quality"),
        ("fid_held_out", "FID, held-out half", "statistics that the choice never saw"),
        ("floor_half", "Its floor", _describe_floor(metrics, "floor_half")),
        ("fid_unseen", "FID, unseen real images", "no generator was trained on them"),
        ("fid_unseen_random", "FID, unseen, random draw", "the generator's own, not curated"),
        ("floor_unseen", "Floor, unseen", _describe_floor(metrics, "floor_unseen")),
        ("mifid", "MiFID", _describe_memorisation(metrics)),
        ("floor", "Real-real floor", _describe_floor(metrics, "floor")),
        ("excess", "Excess over the floor", "FID less floor"),
    ):
        if metrics.get(key) is not None and not (is_random and key == "mifid"):
            error = metrics.get(f"{key}_se")
            spread = f"± {error:.2g}; " if error is not None else ""
            tiles.append({"label": label, "value": f"{metrics[key]:.4g}", "note": spread + note})
    return tiles


def _show_multiple(metrics: Mapping[str, Any], is_random: bool) -> list[dict[str, str]]:
    found = find_multiple(metrics)
    if found is None:
        return []
    meaning = "no meaning: random weights" if is_random else found.describe()
    label = "The held-out FID is" if found.is_held_out else "The FID is"
    times = f"{found.times:,.0f}" if found.times >= 100 else f"{found.times:.2g}"
    return [{"label": label, "value": f"{times} times", "note": f"the floor: {meaning}"}]


def _describe_floor(metrics: Mapping[str, Any], name: str) -> str:
    """Metrics, the floor's key -> how many real images stand for generated ones, against which."""
    sizes = [metrics.get(f"{name}_{end}") for end in ("size", "against")]
    if None in sizes:
        return "as many real images"
    guess = ", a guess: there are too few" if metrics.get("excess", 0.0) is None else ""
    return f"{sizes[0]:,} real images against {sizes[1]:,} others{guess}"


def _describe_memorisation(metrics: Mapping[str, Any]) -> str:
    """Metrics and details -> the memorisation distance in MiFID, and to how many images."""
    meaning = "FID, raised where pictures are copies"
    if "memorisation_distance" not in metrics:
        return meaning
    own, real = (metrics[f"memorisation_distance{end}"] for end in ("", "_real"))
    against = f"{metrics['memorisation_against']:,} training images"
    return f"{meaning}; memorisation distance {own:.3g} to {against}, of real ones {real:.3g}"
