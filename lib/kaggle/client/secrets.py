"""Find secrets in texts to be sent or shown; refuse or clean such texts."""

import re
from collections.abc import Iterable
from pathlib import Path

from lib.base.credentials import name_credentials
from lib.base.errors import InputError
from lib.base.terminal import as_printable

_HOME = re.compile(
    r"(?<![\w.:/-])(/home/[\w.-]+|/Users/[\w.-]+|/root(?=/)|[A-Za-z]:\\+Users\\+\w+)"
)
_LONGEST = 400  # characters of a server's words
_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]+")


def find_secrets(text: str, secrets: Iterable[str]) -> list[tuple[int, str]]:
    """(a text, known secrets) -> (line from 1, the kind of secret) for each, without the secret."""
    finds, home = [], _own_home()  # once, for a text may have a million lines
    for number, line in enumerate(text.splitlines(), start=1):
        finds += [(number, what) for what in _name_secrets(line, secrets)]
        if _HOME.search(line) or home in line:
            finds.append((number, "an absolute home path"))
    return finds


def refuse_secrets(what: str, text: str, secrets: Iterable[str]) -> None:
    """Raise InputError where a text holds a known secret or something that looks like one."""
    finds = find_secrets(text, secrets)
    if not finds:
        return
    places = "; ".join(f"line {number}: {name}" for number, name in finds[:5])
    raise InputError(
        "secrets",
        f"nothing was sent, for {what} holds what must not leave",
        got=places,
        cure="take it out of the source or the option it came from, and revoke a leaked token",
    )


def clean_line(line: str, secrets: Iterable[str]) -> str:
    """A line to be shown -> the same without home paths and URL queries; withheld if secret.

    What would move a terminal's cursor is escaped.
    """
    line = as_printable(line)  # first, for an escape can complete a secret
    if names := _name_secrets(line, secrets):
        return f"[line withheld: it holds {names[0]}]"
    return hide_queries(_HOME.sub("~", line.replace(_own_home(), "~/")))


def clean_words(text: str, secrets: Iterable[str]) -> str:
    """A server's words, perhaps several lines -> one line as of clean_line, of bounded length."""
    return clean_line(" ".join(text.split()), secrets)[:_LONGEST]


def hide_queries(text: str) -> str:
    """A text -> the same with every URL cut at its query, which may hold a signature."""
    return _QUERY.sub(r"\1?[hidden]", text)


def _name_secrets(line: str, secrets: Iterable[str]) -> list[str]:
    names = name_credentials(line)
    if any(secret in line for secret in secrets):
        names.append("your own Kaggle credentials")
    return names


def _own_home() -> str:
    """Return this user's home folder with a slash, or a text that no line contains."""
    home = str(Path.home())
    return f"{home}/" if home.count("/") > 1 or home == "/root" else "\0"
