"""Where the validation FID has stalled the log says since when; nothing stops early for it."""

import pytest

from lib.kernel.training.stall import find_stall


def make_history(fids: list[float], name: str = "fid average") -> list[dict[str, float]]:
    return [
        {"step": 100.0 * k, "seconds": 60.0 * k, name: fid} for k, fid in enumerate(fids, start=1)
    ]


@pytest.mark.parametrize("name", ["fid", "fid average", "fid half-life 2 %"])
def test_a_stall_is_told_with_the_minutes_that_would_have_done(name: str) -> None:
    fids = [0.5, 0.2, 0.101, 0.103, 0.1, 0.102, 0.104, 0.1, 0.101, 0.103]
    words = find_stall(make_history(fids, name), 20.0)
    assert "0.101 at step 300, after 3 min 00 s of 10 min 00 s of training" in words
    assert "--minutes 13 would have done" in words


@pytest.mark.parametrize(
    "fids",
    [
        [0.5, 0.4, 0.3, 0.2, 0.1, 0.09, 0.08, 0.07, 0.06, 0.05],  # still falling
        [0.5, 0.4, 0.3, 0.2, 0.19, 0.18, 0.17, 0.1, 0.1, 0.1],  # its last third is too short
        [0.1, 0.1, 0.1],  # too few to say
        [],
    ],
)
def test_no_stall_is_invented(fids: list[float]) -> None:
    assert find_stall(make_history(fids), 20.0) == ""


def test_losses_are_no_fids() -> None:
    assert find_stall(make_history([0.1] * 10, "held_out_nll"), 20.0) == ""


def test_a_run_that_more_than_its_minutes_bound_gets_no_advice_on_them() -> None:
    fids = [0.5, 0.2, *[0.1] * 8]
    words = find_stall(make_history(fids), None)
    assert words.endswith("at the least since then")
    assert "--minutes 1 would have done" in find_stall(make_history(fids), 0.5)
