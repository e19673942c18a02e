"""A step that may fail, and pauses -> its result, after as many attempts as they allow."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Result = TypeVar("Result")
Failure = TypeVar("Failure", bound=Exception)


def attempt(
    step: Callable[[], Result],
    pauses: Iterable[float],
    kind: type[Failure],
    wait: Callable[[Failure, float], None],
    recover: Callable[[Failure], Result | None] = lambda _: None,
) -> Result:
    """Take a step again after each failure of a kind, once more than there are pauses.

    `recover` looks whether the step's result is there all the same, and `wait` waits, or raises
    what should not be tried again. The last failure is raised as it is.
    """
    for pause in [*pauses, None]:
        try:
            return step()
        except kind as error:
            if (found := recover(error)) is not None:
                return found
            if pause is None:
                raise
            wait(error, pause)
    raise AssertionError("the last attempt returns or raises")
