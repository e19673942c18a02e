"""Options with comma lists -> the variants of a sweep, each once and with a name of its own."""

import argparse
import itertools
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from lib.base.files import sha256_bytes
from lib.base.log import log
from lib.commands.kernel_options import read_config
from lib.kaggle.metadata import slugify
from lib.kernel.configuration.config import Config, as_dict

_NAME_CHARACTERS = 60  # of a folder


@dataclass(frozen=True)
class Point:
    """One variant: the options that it was asked for by, its Config and its name."""

    options: argparse.Namespace
    config: Config
    name: str  # of its folder in a pack

    @property
    def words(self) -> str:
        """The recipe and the values that vary, as they were typed."""
        return " ".join([self.options.recipe, *self.options.set])


def list_points(options: argparse.Namespace) -> list[argparse.Namespace]:
    """Options with comma lists in --recipe and --set -> the options of each combination."""
    choices = [options.recipe.split(",")]
    for text in options.set:
        key, _, values = text.partition("=")
        choices.append([f"{key}={value}" for value in values.split(",")])
    points = []
    for recipe, *overrides in itertools.product(*choices):
        points.append(argparse.Namespace(**{**vars(options), "recipe": recipe, "set": overrides}))
    return points


def read_points(options: argparse.Namespace) -> list[Point]:
    """Options with comma lists -> the variants, without those that another one equals.

    They are compared by their Config, so that lr=1e-4 and lr=0.0001 are one. A mistyped value
    raises InputError before anything is pushed.
    """
    given = [(point, read_config(point).config) for point in list_points(options)]
    kept: dict[str, Point] = {}
    for point, config in given:
        found = Point(point, config, "")
        key = json.dumps(as_dict(config), sort_keys=True)
        if key in kept:
            log("sweep", f"{found.words} is left out: it is the same as {kept[key].words}")
        kept.setdefault(key, found)
    return _name_points(list(kept.values()))


def make_sweep_id(points: list[Point], ref: str, is_packed: bool) -> str:
    """(variants, the main kernel, whether they are packed) -> the id; the same ones have the same.

    So a sweep that goes on keeps its id.
    """
    facts: list[Any] = sorted(json.dumps(as_dict(point.config), sort_keys=True) for point in points)
    return sha256_bytes(json.dumps([ref, is_packed, *facts]).encode())[:8]


def _name_points(points: list[Point]) -> list[Point]:
    """Points -> the same with names: of what tells them apart, marked where two would be equal."""
    sets = [set(point.options.set) for point in points]
    shared = set.intersection(*sets) if len(points) > 1 else set()
    plain = []
    for point in points:
        own = (text for text in point.options.set if text not in shared)
        plain.append(slugify(" ".join([point.options.recipe, *own])))
    counts = Counter(plain)
    named = []
    for point, name in zip(points, plain, strict=True):
        if counts[name] > 1 or len(name) > _NAME_CHARACTERS:
            mark = sha256_bytes(point.words.encode())[:8]
            name = f"{name[: _NAME_CHARACTERS - 9].rstrip('-')}-{mark}"
        named.append(Point(point.options, point.config, name))
    return named
