"""The four targets by name, each with its seeds, its changes, its check and its share of cases."""

import random
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple


class Target(NamedTuple):
    """One reader of outside data, and how hostile input for it is made."""

    make_seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random], bytes]
    check: Callable[[bytes], None]  # raises where the reader did wrong
    tokens: tuple[bytes, ...]
    longest: int = 1 << 16  # bytes of a case


SHARES = {"records": 25, "shard_files": 20, "kernel_logs": 50, "api_answers": 5}  # logs take least


def load_target(name: str) -> Target:
    """Import a target; so late, because atheris instruments modules as they are imported."""
    import importlib

    module: ModuleType = importlib.import_module(f"tests.fuzz.{name}")
    longest: int = getattr(module, "LONGEST", 1 << 16)
    return Target(module.make_seeds, module.mutate, module.check, module.TOKENS, longest)


def share_out(cases: int, names: list[str]) -> dict[str, int]:
    """(cases over all targets, their names) -> cases for each, by SHARES."""
    whole = sum(SHARES[name] for name in names)
    return {name: -(-cases * SHARES[name] // whole) for name in names}
