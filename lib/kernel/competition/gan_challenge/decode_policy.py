"""A policy's name -> the choices that the competition's page leaves open to a decoder."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

from lib.base.errors import InputError, nearest_name
from lib.kernel.competition.image_files import Grey16, Truncated
from lib.kernel.configuration.aliases import modernise_value
from lib.kernel.configuration.config import OFFICIAL

Alpha = Literal["crop-composite", "crop-drop", "composite"]
AlphaFrame = Literal["stored", "rotated"]
Order = Literal["rotate-first", "crop-first"]
Blank = Literal["keep", "drop"]


@dataclass(frozen=True)
class Policy:
    """One option for each open choice; the first of each is the default."""

    grey16: Grey16 = "min-max"  # how 16-bit grey becomes 8-bit; over the whole stored picture
    alpha: Alpha = "crop-composite"  # tight box and white behind; tight box alone; white alone
    alpha_frame: AlphaFrame = "stored"  # the picture that alpha_b64 was drawn for
    order: Order = "rotate-first"  # rotate and invert, then crop; or the other way round
    blank: Blank = "keep"  # whether pictures with next to nothing on them stay
    truncated: Truncated = "reject"  # whether a picture with missing rows is kept, with them black

    def __post_init__(self) -> None:
        for field in fields(self):
            value, options = getattr(self, field.name), get_args(_OPTIONS[field.name])
            if value not in options:
                cure = nearest_name(str(value), options)
                raise InputError("policy", f"{field.name} cannot be {value!r}", cure=cure)
        if self.order == "crop-first" and self.alpha_frame == "rotated":
            raise InputError(
                "policy",
                "a mask drawn for the rotated picture cannot crop the picture before its rotation",
                cure="alpha_frame='stored' or order='rotate-first'",
            )


_OPTIONS = {
    "grey16": Grey16,
    "alpha": Alpha,
    "alpha_frame": AlphaFrame,
    "order": Order,
    "blank": Blank,
    "truncated": Truncated,
}
NAMED_POLICIES = {
    OFFICIAL: Policy(),
    "first-seed": Policy(grey16="clip", alpha="crop-drop", order="crop-first"),
    "second-seed": Policy(alpha="composite", blank="drop", truncated="keep"),
}


def get_policy(name: str) -> Policy:
    """A policy's name -> its choices; the error for an unknown name proposes the nearest one."""
    name = modernise_value("policy", name)
    if name not in NAMED_POLICIES:
        cure = nearest_name(name, NAMED_POLICIES)
        raise InputError("policy", f"there is no policy {name!r}", cure=cure)
    return NAMED_POLICIES[name]
