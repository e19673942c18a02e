"""(seed, stage, step) -> an integer seed, so that a resumed run draws the same numbers."""

import hashlib


def derive_seed(seed: int, stage: str, step: int = 0) -> int:
    """(run seed, stage name, step) -> 0 .. 2^63 - 1, independent between stages and steps."""
    digest = hashlib.sha256(f"{seed}/{stage}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
