"""Turn the lack of a package within a block into an error that names the cure."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lib.base.errors import InputError

CURE = "make venv, then source .venv/bin/activate"


@contextmanager
def explain_missing(
    stage: str, what: str = "a package that it needs is not installed"
) -> Iterator[None]:
    """Raise an InputError where the block needs a package that is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if not top or top == "lib" or top in sys.stdlib_module_names:
            raise  # the fault lies in our code or in this Python
        raise InputError(stage, what, got=f"no {top}", cure=CURE) from error
