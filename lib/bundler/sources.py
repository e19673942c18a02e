"""A Python file -> its text and its syntax tree."""

import ast
import codecs
import os
import sys
import tokenize
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_bytes


@dataclass(frozen=True)
class Source:
    """One Python file: the bytes on disk, and the text that the compiler reads from them."""

    path: str  # from the root, with "/"
    raw: bytes
    text: str  # newlines are "\\n", one ends the last line; no byte order mark
    codec: str
    tree: ast.Module
    fault: str = ""  # why it is no Python of this version; its tree is empty then

    @property
    def sha256(self) -> str:
        """The sha256 of the file on disk."""
        return sha256_bytes(self.raw)

    @property
    def is_package(self) -> bool:
        """Tell whether this is an __init__.py."""
        return Path(self.path).name == "__init__.py"


def bundle_error(path: str, line: int, problem: str, cure: str) -> InputError:
    """(file, line, problem, cure) -> an error that says them in one line."""
    return InputError("bundle", f"{path}:{line}: {problem}; cure: {cure}")


def read_bytes(file: Path) -> bytes:
    """Read a file's bytes, or raise an error that names it."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise bundle_error(
            show_path(file), 1, f"cannot be read ({error.strerror})", "make it readable"
        ) from None


def parse_source(path: str, raw: bytes, shown: str) -> Source:
    """(path from the root, bytes, path for messages) -> Source; InputError for mistakes in it."""
    try:
        codec, _ = tokenize.detect_encoding(BytesIO(raw).readline)
        text = raw.decode(codec).replace("\r\n", "\n").replace("\r", "\n")
    except (SyntaxError, UnicodeDecodeError) as error:
        problem = f"cannot be decoded ({error})"
        raise bundle_error(shown, 1, problem, "save it as UTF-8 or declare its encoding") from None
    if text and not text.endswith("\n"):
        text += "\n"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, path)
    except SyntaxError as error:
        raise explain_syntax(shown, error) from None
    except ValueError as error:
        raise bundle_error(shown, 1, f"no Python text: {error}", "correct the file") from None
    plain = codecs.lookup(codec.removesuffix("-sig")).name
    return Source(path, raw, text, plain, tree)


def explain_syntax(shown: str, error: SyntaxError) -> InputError:
    """(a file's path for messages, what the compiler says of it) -> an error in one line."""
    own = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    cure = f"correct the line; if it is right in a newer Python than this {own}, bundle by that"
    return bundle_error(shown, error.lineno or 1, f"syntax error: {error.msg}", cure)


def show_broken(path: str, raw: bytes, fault: str) -> Source:
    """A file that is no Python of this version -> a Source that is shown as text.

    Where nothing imports it for sure, it may stay as it is: so it does in the program.
    """
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    return Source(path, raw, text, "utf-8", ast.Module([], []), fault)


def show_path(file: Path) -> str:
    """A file -> its path from the current folder, as a user would type it."""
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative
