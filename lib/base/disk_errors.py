"""Turn a disk's errors within a block into one error that names a cure."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.base.errors import PipelineError

_AGAIN = "make room or mend its rights, then run the same command again: nothing is repeated"


@contextmanager
def explain_disk(stage: str, what: str, path: Path, cure: str = _AGAIN) -> Iterator[None]:
    """Raise the block's OSErrors as PipelineErrors that name the stage, the place and a cure."""
    try:
        yield
    except FileNotFoundError:
        raise  # a missing file is for the caller to report
    except OSError as error:
        got = f"{error.strerror or type(error).__name__} at {error.filename or path}"
        raise PipelineError(stage, what, got=got, cure=cure) from None
