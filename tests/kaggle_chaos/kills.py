"""A seed -> the kills of a command of the loop: when each comes, and which fault comes with it."""

import random
from dataclasses import dataclass
from typing import Any

WINDOW_S = 2.0  # the loop's window, in which a late effect is still looked for
LATE_S = (0.3, 1.0, 2.0)
TOO_LATE_S = 4.5
AFTER_CALL, BEFORE_EFFECT, AFTER_EFFECT = "call", "before", "after"


@dataclass(frozen=True)
class Kill:
    """One start of a command, and how it is disturbed."""

    command: str
    moment: str  # after so many calls and seconds, or right before or after the effect
    calls: int
    after_s: float
    fault: dict[str, Any]  # of the command's one call that has an effect; {}: none

    @property
    def is_too_late(self) -> bool:
        """Whether the effect comes after the window, so that a second one may be made."""
        return self.fault.get("late_s") == TOO_LATE_S

    def __str__(self) -> str:
        fault = ", ".join(f"{name} {value}" for name, value in self.fault.items()) or "no fault"
        place = f"call {self.calls} + {self.after_s:.3f} s"
        place = place if self.moment == AFTER_CALL else f"{self.moment} the effect"
        return f"{self.command}: killed at {place}; {fault}"


def draw_kill(numbers: random.Random, command: str, calls: int, has_effect: bool) -> Kill:
    """Draw a kill of a command that makes so many calls; one that asks only has no faults."""
    moments = [AFTER_CALL, AFTER_CALL, BEFORE_EFFECT, AFTER_EFFECT] if has_effect else [AFTER_CALL]
    moment = numbers.choice(moments)
    fault: dict[str, Any] = {}
    if has_effect:
        late = {"late_s": numbers.choice(LATE_S)}
        faults: list[dict[str, Any]] = [{}, {"reset": "before"}, {"reset": "after"}, late, late]
        fault = numbers.choice([*faults, {"code": 503}, {"answer": {}}])
        if numbers.random() < 0.06:
            fault = {"late_s": TOO_LATE_S}
    if moment != AFTER_CALL and ("late_s" in fault or "answer" in fault or "code" in fault):
        moment = AFTER_CALL  # such a call has its effect elsewhere, or none
    after_s = numbers.choice((0.0, 0.002, 0.01, 0.05, 0.3)) * numbers.random()
    return Kill(command, moment, numbers.randint(0, calls), after_s, fault)
