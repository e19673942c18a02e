"""Kills and stops of the built kernel in its stages; `make chaos` makes many more."""

import random
import signal

import pytest

from tests.chaos.small_kernel import SmallKernel, build_small_kernel
from tests.chaos.stops import stop_in
from tests.chaos.storm import STAGES, Reference, draw_kills, make_reference, storm

SEED = 18


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> SmallKernel:
    return build_small_kernel(tmp_path_factory.mktemp("chaos"))


@pytest.fixture(scope="module")
def reference(kernel: SmallKernel) -> Reference:
    return make_reference(kernel)


def test_a_run_killed_eight_times_ends_with_the_bytes_of_an_unstopped_one(
    kernel: SmallKernel, reference: Reference, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the kills are of the parent alone, whose children end and hold no lock."""
    made = storm(kernel, reference, 8, 8, SEED, print)
    assert len(made) == 8
    assert sum(each.is_alone for each in made) == 4
    print(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("speed", signal.SIGINT),
        ("real features", signal.SIGTERM),
        ("train", signal.SIGTERM),
        ("sweep", signal.SIGINT),
        ("fid", signal.SIGTERM),
    ],
)
def test_a_signal_in_a_stage_ends_the_run_with_its_code_and_a_line(
    stage: str, number: int, kernel: SmallKernel
) -> None:
    """The runs go on from each other, so each comes quickly to its stage."""
    stopped = stop_in(kernel, "stopped", stage, number)
    word = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}[signal.Signals(number)]
    assert stopped.code == 128 + number, stopped.errors
    assert stopped.errors == f"{word}: the same command goes on from here\n"


def test_kills_are_drawn_from_the_seed_and_hit_every_stage() -> None:
    reference = Reference(dict.fromkeys(STAGES, 1.0))
    one, other = (draw_kills(random.Random("1/0"), reference, 13) for _ in range(2))
    assert one == other
    assert {kill.stage for kill in one} == set(STAGES)
