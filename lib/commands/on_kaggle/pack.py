"""Variants of a sweep, two by two -> what each of its kernels runs and is made of."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lib.base.files import sha256_bytes
from lib.base.kaggle_limits import SESSION_MINUTES
from lib.commands.book.pack_text import NamedConfig
from lib.commands.on_kaggle.push import describe_kernel, list_overrides, make_cargo
from lib.commands.on_kaggle.variants import Point
from lib.kaggle.git_state import GitState

if TYPE_CHECKING:
    from lib.kaggle.push import Cargo
    from lib.kaggle.sweeps.push_variants import Variant

TOGETHER = 2  # variants in a pack: Kaggle's usual machine has two GPUs

Group = tuple[Point, ...]  # what runs in one kernel


def group_points(points: Sequence[Point], is_packed: bool) -> list[Group]:
    """Variants -> those of each kernel, in their order; the last of an odd number stays alone."""
    size = TOGETHER if is_packed else 1
    return [tuple(points[at : at + size]) for at in range(0, len(points), size)]


def count_minutes(groups: Sequence[Group]) -> float:
    """Kernels -> the minutes that they may bill: a session bills the longest of its variants."""
    longest = (max(point.config.minutes for point in group) for group in groups)
    return sum(min(minutes, SESSION_MINUTES) for minutes in longest)


def refuse_unfit(root: Path, groups: Sequence[Group], is_full: bool) -> None:
    """Raise InputError where the variants of a kernel do not fit into one, before any push."""
    from lib.commands.pack_build import build_pack

    for group in groups:
        if len(group) > 1:
            build_pack(root, _list_named(group), is_full)


def make_variants(root: Path, groups: Sequence[Group], git: GitState) -> "list[Variant]":
    """Kernels -> the Variants to push, each built when its turn has come."""
    from lib.kaggle.sweeps.push_variants import Variant  # requests is slow to import

    variants = []
    for group in groups:
        if len(group) == 1:
            (point,) = group
            make = partial(make_cargo, point.options, point.config, git)
            variants.append(Variant(point.options.recipe, tuple(point.options.set), make))
        else:
            mark = sha256_bytes(repr([point.words for point in group]).encode())[:8]
            make = partial(make_pack_cargo, root, group, git)
            variants.append(Variant("pack", (mark,), make))
    return variants


def make_pack_cargo(root: Path, group: Group, git: GitState) -> "Cargo":
    """Build the kernel of several variants, and collect what the ledger records of it."""
    from lib.commands.pack_build import build_pack
    from lib.kaggle.push import Cargo  # requests is slow to import

    built = build_pack(root, _list_named(group), group[0].options.full)
    rows = []
    for point in group:
        facts = describe_kernel(point.options.recipe, list_overrides(point.options), point.config)
        rows.append({"name": point.name, "label": point.options.recipe, **facts})
    recipes = " + ".join(dict.fromkeys(point.options.recipe for point in group))
    facts = {"recipe": recipes, "config": built.manifest["config"], "variants": rows}
    minutes = max(point.config.minutes for point in group)
    return Cargo(built.path, built.sha256, recipes, facts, git, minutes, built.text)


def _list_named(group: Group) -> list[NamedConfig]:
    return [NamedConfig(point.name, point.config) for point in group]
