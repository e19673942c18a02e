"""Shards -> their lines, one by one, for tools that look at records and decode none."""

from collections.abc import Iterable, Iterator

from lib.kernel.competition.gan_challenge.shard_candidates import Shard
from lib.kernel.competition.gan_challenge.shard_lines import (
    DataDigest,
    RawRecord,
    read_blocks,
    split_block,
)


def read_records(shards: Iterable[Shard]) -> Iterator[RawRecord]:
    """Shards -> their lines that are not blank, and a RawRecord with a fault for each line lost."""
    for block in read_blocks(shards, DataDigest()):
        yield from split_block(block)
