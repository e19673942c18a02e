"""A shard -> pieces of its unpacked bytes, and last why it breaks off, if it does."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from lib.base.errors import PipelineError
from lib.base.one_line import as_one_line
from lib.kernel.competition.archives import (
    BrokenStreamError,
    Member,
    gunzip,
    open_nested,
    read_member,
    read_plain,
)
from lib.kernel.competition.gan_challenge.shard_candidates import NESTED_LIMIT, Shard


class ShardOpener:
    """Reads shards one after another; an inner zip is copied once for all shards in it."""

    def __init__(self) -> None:
        self._opened: list[tuple[Path | Member, IO[bytes]]] = []  # a file, zips in it inwards

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._close_from(0)

    def read(self, shard: Shard) -> Iterator[bytes | BrokenStreamError]:
        """Yield pieces of a shard; whatever is wrong with the file is the last piece."""
        try:
            yield from self._read(shard)
        except BrokenStreamError as broken:
            yield broken
        except OSError as error:
            yield BrokenStreamError(f"the file cannot be opened ({error.strerror})")
        except PipelineError:
            raise  # our own disk is full
        except Exception as error:  # no file may end the run
            words = as_one_line(f"{type(error).__name__}: {error}"[:80])
            yield BrokenStreamError(f"the file cannot be read ({words})")

    def _read(self, shard: Shard) -> Iterator[bytes]:
        if not shard.members:
            self._close_from(0)
            with shard.path.open("rb") as file:
                pieces = _watch_size(read_plain(file), shard.size)
                yield from gunzip(pieces) if shard.name.endswith(".gz") else pieces
            return
        pieces = read_member(self._open_around(shard), shard.members[-1])
        yield from gunzip(pieces) if shard.name.endswith(".gz") else pieces

    def _open_around(self, shard: Shard) -> IO[bytes]:
        """A zip's member -> the zip around it, opened; what is open already stays so."""
        chain: list[Path | Member] = [shard.path, *shard.members[:-1]]
        for depth, wanted in enumerate(chain):
            if depth < len(self._opened) and self._opened[depth][0] == wanted:
                continue
            self._close_from(depth)
            if isinstance(wanted, Member):
                content = read_member(self._opened[-1][1], wanted)
                self._opened.append((wanted, open_nested(content, NESTED_LIMIT)[0]))
            else:
                self._opened.append((wanted, wanted.open("rb")))
        return self._opened[len(chain) - 1][1]

    def _close_from(self, depth: int) -> None:
        while len(self._opened) > depth:
            self._opened.pop()[1].close()


def _watch_size(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """(pieces of a file, its bytes when it was found) -> them; a shorter file breaks off."""
    count = 0
    for piece in pieces:
        count += len(piece)
        yield piece
    if count < size:
        raise BrokenStreamError("the file was cut while the run went on")
