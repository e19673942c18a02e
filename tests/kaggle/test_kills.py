"""Kills of the loop's commands beside lost, late and partial answers; `make chaos-kaggle` has more.

They are drawn from a seed, which is printed with each kill.
"""

import random
from pathlib import Path

import pytest

from tests.kaggle_chaos.kills import TOO_LATE_S, WINDOW_S, draw_kill
from tests.kaggle_chaos.place import open_storm
from tests.kaggle_chaos.tasks import ROUNDS, TASKS

SEED, KILLS = 3, 30


@pytest.mark.slow
def test_killed_commands_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    with open_storm(tmp_path, print) as storm:
        made = storm.run(KILLS, SEED)
    assert made.total() == KILLS
    assert made.keys() == TASKS.keys()
    lates = {kill.fault["late_s"] for kill in storm.kills if "late_s" in kill.fault}
    assert WINDOW_S in lates


def test_kills_are_drawn_from_the_seed_and_know_every_command_and_fault() -> None:
    assert {name for names in ROUNDS for name in names} == TASKS.keys()

    def draw() -> list[str]:
        numbers = random.Random(SEED)
        kills = [
            draw_kill(numbers, name, task.calls, bool(task.effects))
            for _ in range(60)
            for name, task in TASKS.items()
        ]
        assert all(not kill.fault for kill in kills if kill.command == "fetch")
        assert any(kill.fault.get("late_s") == TOO_LATE_S for kill in kills)
        return list(map(str, kills))

    assert draw() == draw()
    told = "\n".join(draw())
    for words in ("before the effect", "after the effect", "call 0", "late_s 2.0", "code 503"):
        assert words in told
