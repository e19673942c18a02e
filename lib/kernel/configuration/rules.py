"""The terms of a competition that a configuration depends on: its name, keys and picture sides.

Rules are data only, so a kernel can be configured without importing the competition's code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.base.errors import InputError
from lib.base.run_files import IMAGES
from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.configuration.config import COMPETITION_KEYS, KEYS


@dataclass(frozen=True)
class Rules:
    """The terms of a competition."""

    name: str  # as in --competition; its folder has the same name with underscores
    title: str
    slug: str = ""  # of the one competition on Kaggle that it is for; empty: of any other
    rows: int = 0  # of a submission; 0: any number
    keys: tuple[str, ...] = ()  # keys of CONFIG that only some competitions have
    defaults: Mapping[str, Any] = field(default_factory=dict)  # where they differ from Config's
    image_px: Sequence[int] = (IMAGE_PX,)  # sides of a picture that it allows
    task: str = "Trains a generator of pictures and draws new ones."  # these three head a kernel
    reads: str = "The competition's data below /kaggle/input."
    writes: str = "The submission, into /kaggle/working."
    first_keys: tuple[str, ...] = ()  # that a user changes first, before those of the recipe
    files: tuple[str, ...] = (IMAGES,)  # what a run leaves for it, the one to submit first

    def list_known_keys(self) -> list[str]:
        """List all keys of Config but those that belong to other competitions."""
        return [name for name in KEYS if name not in COMPETITION_KEYS or name in self.keys]

    def check_side(self, image_px: int) -> None:
        """Raise InputError unless pictures may have this side."""
        if image_px not in self.image_px:
            raise InputError(
                "config",
                f"competition {self.name!r} takes no pictures of that side",
                expected=f"{describe_sides(self.image_px)} px",
                got=f"{image_px}",
                cure="give another --set image_px=..., or another --competition",
            )


def describe_sides(sides: Sequence[int]) -> str:
    """Picture sides -> words: "8 to 128", "32 or 64"."""
    if isinstance(sides, range) and len(sides) > 2:
        step = f" in steps of {sides.step}" if sides.step != 1 else ""
        return f"{sides[0]} to {sides[-1]}{step}"
    return " or ".join(map(str, sides))
