"""Refuse to bundle files that hold credentials: a bundle is made to be handed on."""

import codecs

from lib.base.credentials import find_credentials
from lib.bundler.contents import Contents, read_file
from lib.bundler.sources import bundle_error


def refuse_credentials(contents: Contents) -> None:
    """Raise an InputError where a file of a bundle looks like it holds a credential."""
    for source in contents.list_sources():
        _refuse(contents, source.path, source.text)
    for path in (*contents.data, *contents.passive):
        _refuse(contents, path, _decode(read_file(contents, path)))


def _decode(raw: bytes) -> str:
    """The bytes of a data file -> its text; Windows' tools write UTF-16."""
    wide = raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return raw.decode("utf-16" if wide else "utf-8", "replace")


def _refuse(contents: Contents, path: str, text: str) -> None:
    if path in contents.taken.overlay:
        return  # published already
    for line, what in find_credentials(text):
        cure = "take it out, and revoke it if it was shared"
        cure += "" if path == contents.entry.name else f"; or add --exclude {path}"
        problem = f"this line looks like it holds {what}, and a bundle is made to be handed on"
        raise bundle_error(contents.locator.show(path), line, problem, cure)
