"""Find secrets in texts to be sent or shown; refuse or clean such texts."""

import base64
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from lib.base.credentials import name_credentials
from lib.base.errors import InputError
from lib.base.terminal import as_printable

_HOME = re.compile(
    r"(?<![\w.:/-])(/home/[\w.-]+|/Users/[\w.-]+|/root(?=/)|[A-Za-z]:\\+Users\\+\w+)"
)
_LONGEST, _READ = 400, 100_000  # characters of a server's words: most that are shown, looked at
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")
# What a terminal would obey: CSI, OSC and other strings up to their ends, and other escapes.
# A string goes on to the next control at most: one without an end hides nothing, costs no time.
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]*[0-~]"
)


def find_secrets(text: str, secrets: Iterable[str]) -> list[tuple[int, str]]:
    """(a text, known secrets) -> (line from 1, the kind of secret) for each, without the secret."""
    finds, home = [], _own_home()  # once, for a text may have a million lines
    held = find_own(text, secrets)
    for number, line in enumerate(text.splitlines(), start=1):
        finds += [(number, what) for what in _name_secrets(line, held)]
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
    """Any text from outside -> a line that may be shown and kept; this is the door for all of them.

    Nothing is left that a terminal obeys or that hides or turns words: escape sequences, controls,
    signs of no width or of direction. Half surrogates are replaced, for no file takes them. Home
    paths and the queries of addresses are hidden; a line that holds a secret is withheld.
    """
    secrets = list(secrets)
    line = strip_controls(line)  # first, for a sign of no width can part a secret
    if names := _name_secrets(line, find_own(line, secrets)):
        return f"[line withheld: it holds {names[0]}]"
    return as_printable(hide_queries(_HOME.sub("~", line.replace(_own_home(), "~/"))))


def strip_controls(text: str) -> str:
    """A text -> the same without what a terminal obeys; tabs and line ends become spaces."""
    if text.isprintable():
        return text
    text = _SEQUENCE.sub("", text)
    if text.isprintable():
        return text
    return text.translate({ord(sign): _replace(sign) for sign in set(text)})


def _replace(sign: str) -> str:
    """A character -> itself, a space or "\N{REPLACEMENT CHARACTER}" in its place, or nothing."""
    if sign.isspace():
        return " "
    kind = unicodedata.category(sign)
    if kind == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return "" if kind in ("Cc", "Cf") else sign


def clean_words(text: str, secrets: Iterable[str]) -> str:
    """A server's words, perhaps several lines -> one line as of clean_line, of bounded length."""
    return clean_line(" ".join(text[:_READ].split()), secrets)[:_LONGEST]


def hide_queries(text: str) -> str:
    """A text -> the same with every URL cut at its query, which may hold a signature."""
    return _ADDRESS.sub(_hide_query, text)


def _hide_query(address: re.Match[str]) -> str:
    place, mark, query = address[0].partition("?")
    return f"{place}?[hidden]" if mark and query else address[0]


def find_own(text: str, secrets: Iterable[str]) -> list[str]:
    """(a text, known secrets) -> what it holds of them, as they are or within base64."""
    return [form for form in spell_secrets(tuple(secrets)) if form in text]


@lru_cache
def spell_secrets(secrets: Sequence[str]) -> tuple[str, ...]:
    """Secrets -> the texts by which they are known, each as it is and within base64.

    Base64 of a text that holds a secret depends on the place at which that begins, modulo three;
    what its neighbours change at both ends is left out.
    """
    forms = list(secrets)
    for raw in (secret.encode(errors="surrogatepass") for secret in secrets):
        for lead in range(3):
            whole = base64.b64encode(bytes(lead) + raw).decode()
            forms.append(whole[-(-lead * 8 // 6) : (lead + len(raw)) * 8 // 6])
    return tuple(dict.fromkeys(forms))


def _name_secrets(line: str, held: Iterable[str]) -> list[str]:
    """(a line, what of its text is secret) -> the kinds of secrets that it holds."""
    names = name_credentials(line)
    if any(secret in line for secret in held):
        names.append("your own Kaggle credentials")
    return names


def _own_home() -> str:
    """Return this user's home folder with a slash, or a text that no line contains."""
    home = str(Path.home())
    return f"{home}/" if home.count("/") > 1 or home == "/root" else "\0"
