"""lib.base.attempts: so many attempts, what is waited for between them, and what ends them."""

from collections.abc import Callable

import pytest

from lib.base.attempts import attempt


class TroubleError(Exception):
    """What may pass."""


def make_step(*outcomes: str | Exception) -> Callable[[], str]:
    """What comes of each attempt -> a step; one attempt too many is a StopIteration."""
    left = iter(outcomes)

    def step() -> str:
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return step


def test_a_step_is_repeated_after_each_pause_until_it_succeeds() -> None:
    waits: list[tuple[str, float]] = []
    step = make_step(TroubleError("one"), TroubleError("two"), "done")
    done = attempt(
        step, [1.0, 2.0, 4.0], TroubleError, lambda error, s: waits.append((str(error), s))
    )
    assert done == "done"
    assert waits == [("one", 1.0), ("two", 2.0)]


def test_the_last_failure_is_raised_without_waiting() -> None:
    waits: list[float] = []
    step = make_step(TroubleError("one"), TroubleError("two"), "never asked for")
    with pytest.raises(TroubleError, match="two"):
        attempt(step, [1.0], TroubleError, lambda _, pause: waits.append(pause))
    assert waits == [1.0]


def test_another_kind_of_failure_ends_it_at_once() -> None:
    with pytest.raises(KeyError):
        attempt(make_step(KeyError("x"), "done"), [1.0], TroubleError, lambda *_: None)


def test_waiting_may_refuse_another_attempt() -> None:
    def refuse(error: TroubleError, pause: float) -> None:
        raise error

    with pytest.raises(TroubleError, match="for good"):
        attempt(make_step(TroubleError("for good"), "done"), [1.0, 1.0], TroubleError, refuse)


@pytest.mark.parametrize("pauses", [[], [1.0]])
def test_a_result_found_after_a_failure_ends_it_even_the_last_one(pauses: list[float]) -> None:
    step = make_step(TroubleError("lost"), TroubleError("lost"))
    waits: list[float] = []
    found = attempt(
        step, pauses, TroubleError, lambda _, pause: waits.append(pause), lambda _: "found"
    )
    assert (found, waits) == ("found", [])
