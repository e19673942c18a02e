"""Environment and configuration files -> the credentials that the kaggle client would use."""

import base64
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SHORTEST = 6  # characters; a shorter secret would match in any text
CURE = (
    "make a token at https://www.kaggle.com/settings and set KAGGLE_API_TOKEN or save it as "
    "~/.kaggle/access_token, then chmod 600 ~/.kaggle/access_token"
)


@dataclass(frozen=True)
class Credentials:
    """One way to sign in; secrets stay out of repr."""

    kind: str  # "token", "key" or "oauth"
    source: str  # in words
    files: tuple[Path, ...]  # files they came from
    username: str = ""
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def find_credentials() -> list[Credentials]:
    """Find all credentials, in the order in which the kaggle client tries them."""
    return [found for found in (*_find_tokens(), _find_key(), _find_oauth()) if found]


def list_secrets() -> list[str]:
    """List every text that must stay secret: tokens, keys, and base64 of user:key."""
    secrets = []
    for found in find_credentials():
        secrets += [found.token, found.key]
        if found.key:
            pair = f"{found.username}:{found.key}".encode(errors="surrogatepass")
            secrets.append(base64.b64encode(pair).decode().rstrip("="))  # padded or not
    oauth = _read_json(Path("~/.kaggle/credentials.json").expanduser())
    secrets += [oauth.get(name) or "" for name in ("refresh_token", "access_token")]
    texts = (secret for secret in dict.fromkeys(secrets) if isinstance(secret, str))
    return [text for text in texts if len(text) >= _SHORTEST]


def find_config_folder() -> Path:
    """Find the folder where the client looks for kaggle.json."""
    if given := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(given)
    old = Path("~/.kaggle").expanduser()
    if old.exists():
        return old
    base = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(base) / "kaggle"


def is_private(path: Path) -> bool:
    """Tell whether only its owner may read a file."""
    return not path.stat().st_mode & 0o077


def _find_tokens() -> list[Credentials]:
    found = []
    given = _read_variable("KAGGLE_API_TOKEN")
    if given and os.path.isfile(given):  # the client takes a path there as well
        if token := _read_text(Path(given)):
            source = "the file that KAGGLE_API_TOKEN names"
            found.append(Credentials("token", source, (Path(given),), token=token))
    elif given:
        found.append(Credentials("token", "KAGGLE_API_TOKEN", (), token=given))
    for name in ("access_token", "access_token.txt"):
        path = Path("~/.kaggle").expanduser() / name
        if token := _read_text(path):
            found.append(Credentials("token", f"~/.kaggle/{name}", (path,), token=token))
    return found


def _find_key() -> Credentials | None:
    path = find_config_folder() / "kaggle.json"
    stored = _read_json(path)
    given = _read_variable("KAGGLE_USERNAME"), _read_variable("KAGGLE_KEY")
    username = given[0] or stored.get("username") or ""
    key = given[1] or stored.get("key") or ""
    if not isinstance(username, str) or not isinstance(key, str) or not username or not key:
        return None
    whole = all(given)
    source = "KAGGLE_USERNAME and KAGGLE_KEY" if whole else "kaggle.json"
    return Credentials("key", source, () if whole else (path,), username=username, key=key)


def _find_oauth() -> Credentials | None:
    path = Path("~/.kaggle/credentials.json").expanduser()
    stored = _read_json(path)
    if not stored.get("refresh_token"):
        return None
    username = str(stored.get("username") or "")
    return Credentials("oauth", "~/.kaggle/credentials.json", (path,), username=username)


def _read_variable(name: str) -> str:
    """A variable's name -> its text, without the line end that a file of secrets leaves there."""
    return os.environ.get(name, "").strip()


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
