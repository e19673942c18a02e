"""Refuse to write a bundle whose files or metadata hold what must not leave this machine.

A push refuses it too. But what was built goes out by the plain kaggle client as well, which looks
at nothing. The bundler itself knows what credentials look like; the user's own key, which looks
like any hash, is known here alone.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.kaggle.client.credentials import list_secrets
from lib.kaggle.client.secrets import find_own, find_secrets
from lib.kaggle.metadata_fields import FILE_NAME

_MOST = 5  # places that an error names


def refuse_secrets_of_metadata(fields: Mapping[str, Any]) -> None:
    """Fields of kernel-metadata.json -> InputError where one holds a secret."""
    _refuse(FILE_NAME, find_secrets(json.dumps(fields, indent=1), list_secrets()))


def refuse_secrets_of_kernel(root: Path, sources: Iterable[Path], text: str) -> None:
    """(root, files of a kernel, its text) -> InputError where one holds a secret.

    The same is refused as at a push, absolute home paths too.
    """
    secrets = list_secrets()
    for path in sorted(sources):
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        _refuse(shown, find_secrets(_read(path), secrets))
    _refuse("what --set and other options gave, or the kernel's text", find_secrets(text, secrets))


def refuse_own_credentials(sources: Iterable[Path], text: str) -> None:
    """(files of any bundle, its text) -> InputError where one holds the user's Kaggle key."""
    secrets = list_secrets()
    for path in sorted(sources) if secrets else ():
        _refuse(path.name, _find_own(_read(path), secrets))
    _refuse("the bundle", _find_own(text, secrets))


def _find_own(text: str, secrets: list[str]) -> list[tuple[int, str]]:
    held = find_own(text, secrets)
    return [
        (number, "your own Kaggle credentials")
        for number, line in enumerate(text.splitlines() if held else (), start=1)
        if any(secret in line for secret in held)
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # the bundler has read it; what it held stands in the bundle's text


def _refuse(shown: str, finds: list[tuple[int, str]]) -> None:
    if finds:
        raise InputError(
            "secrets",
            f"nothing was written, for {shown} holds what must not leave",
            got="; ".join(f"line {number}: {name}" for number, name in finds[:_MOST]),
            cure="take it out of there, and revoke a token or key that was shared",
        )
