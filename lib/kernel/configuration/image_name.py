"""A pattern such as "{:05d}.png" and a number -> the name of a picture in a submission."""

import re
import string

from lib.base.errors import InputError

_SPEC = re.compile(r"(0[1-9]\d?)?d?", re.ASCII)  # 5 digits with zeros: 05d
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def check_image_name(pattern: str) -> None:
    """Raise InputError unless every number gives another plain name of a PNG file."""
    if fault := _find_fault(pattern):
        raise InputError(
            "config",
            f"image_name {fault}",
            expected="one number in braces and the ending .png, as in '{:05d}.png'",
            got=repr(pattern),
            cure="write --set image_name='{:05d}.png'",
        )


def _find_fault(pattern: str) -> str:
    """A pattern -> what is wrong with it, or ""."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        return f"cannot be read ({error})"
    fields = [part for part in parts if part[1] is not None]
    if len(fields) != 1:
        return f"needs one number in braces and has {len(fields)}"
    _, name, spec, conversion = fields[0]
    if name not in ("", "0") or conversion or not _SPEC.fullmatch(spec or ""):
        return "has something else than a number in its braces"
    shown = pattern.format(0)
    if not shown.endswith(".png"):
        return "does not end with .png"
    if _FORBIDDEN.search(shown) or ".." in shown or shown.startswith((".", " ")):
        return "is no plain file name"
    return ""
