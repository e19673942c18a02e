"""Try a step again after a failure, with a pause before each new attempt."""

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
    """Try a step until it succeeds; there is one attempt more than there are pauses.

    Only failures of the given kind are followed by another attempt. `recover` checks whether the
    result is there although the step failed. `wait` waits, or raises a failure that should not be
    tried again. The last failure is raised as it is.
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
