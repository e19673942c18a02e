"""Refuse packages that are missing or too old, before anything imports them."""

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping

_LEAST = {"torch": (2, 4), "torchvision": (0, 19), "numpy": (1, 26), "pillow": (10, 0)}
_MODULES = {"pillow": "PIL"}  # by another name than their distributions


def check_versions(least: Mapping[str, tuple[int, int]] = _LEAST) -> None:
    """End the process in two lines, exit code 2, where a package would not do.

    They are read from the packages' metadata. What has none, as some builds, is not judged.
    """
    for name, wanted in least.items():
        need, cure = ".".join(map(str, wanted)), f"pip install --upgrade {name}"
        if importlib.util.find_spec(_MODULES.get(name, name)) is None:
            _refuse(f"{name} is not installed, expected {need} or later", cure)
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        numbers = tuple(int(digits) for digits in re.findall("[0-9]+", found)[:2])
        if numbers < wanted:
            _refuse(f"{name} is too old, expected {need} or later, got {found}", cure)


def _refuse(what: str, cure: str) -> None:
    print(f"error: packages: {what}", file=sys.stderr)
    print(f"  cure: {cure}; on Kaggle take the latest environment", file=sys.stderr)
    sys.exit(2)
