"""Texts and paths that a program computes, of which parts may be unknown."""

import ast
import posixpath
import re
from dataclasses import dataclass, replace

MODULE = "\0"  # begins the path of a module's folder, before it is known where that lies
HOLE = "\1"  # stands in a text for a part that is not known


@dataclass(frozen=True)
class Text:
    """What an expression may stand for."""

    text: str  # a plain text; a path from the root where `anchored`, which may begin with ".."
    anchored: bool = False  # it was computed from __file__ or the like
    is_path: bool = False  # it is no str but a Path
    slash: bool = False  # it ends with "/"

    @property
    def is_known(self) -> bool:
        """Tell whether no part of it is unknown."""
        return HOLE not in self.text

    def join(self, other: "Text") -> "Text":
        """Join two paths; where the second is absolute or anchored, it is the answer."""
        if other.anchored or other.text.startswith("/"):
            return Text(other.text, other.anchored, self.is_path)
        joined = posixpath.normpath(posixpath.join(self.text or ".", other.text or "."))
        ends = other.text.endswith("/") or not other.text
        return Text("" if joined == "." else joined, self.anchored, self.is_path, ends)

    def add(self, other: "Text") -> "Text":
        """Put a text behind this one, as `+` does."""
        if other.anchored and not self.text:
            return other
        if self.anchored or self.is_path:
            start = (f"./{self.text}" if self.text else ".") + "/" * self.slash
            return replace(self, text="").join(Text(_merge(start + other.text)))
        return Text(_merge(self.text + other.text)) if not other.anchored else Text(HOLE)


def _merge(text: str) -> str:
    return re.sub(f"{HOLE}+", HOLE, text)


def find_parent(path: Text) -> Text:
    """A path -> that of its folder; the root's own is "..", the next one "../.."."""
    if path.text == HOLE:
        return path
    if path.text == "" or path.text.endswith(".."):
        above = posixpath.join(path.text, "..") if path.text else ".."
    else:
        above = posixpath.dirname(path.text)
    return replace(path, text=above)


def call_method(text: Text, name: str, words: list[str], index: int | None = None) -> Text | None:
    """(a text, a method of str or Path, its arguments, the item that is taken) -> the result."""
    last = posixpath.basename(text.text)
    if name in (".parent",):
        return find_parent(text)
    if name in (".name", "basename"):
        return Text(last)
    if name == ".stem":
        return Text(posixpath.splitext(last)[0])
    if name == ".suffix":
        return Text(posixpath.splitext(last)[1])
    if name == "path.split":
        return find_parent(text) if index == 0 else Text(last)
    if name == "path.splitext":
        stem, suffix = posixpath.splitext(text.text)
        return replace(text, text=stem) if index == 0 else Text(suffix)
    if name in ("with_name", "with_suffix", "with_stem") and words:
        folder, stem, suffix = posixpath.dirname(text.text), *posixpath.splitext(last)
        new = {"with_name": words[0], "with_suffix": stem + words[0]}.get(name, words[0] + suffix)
        return replace(text, text=posixpath.join(folder, new))
    return _call_on_str(text, name, words, index)


def _call_on_str(text: Text, name: str, words: list[str], index: int | None) -> Text | None:
    plain = [word.replace("\\", "/") for word in words]
    if name == "replace" and len(words) > 1:
        return replace(text, text=text.text.replace(words[0], words[1])) if words[0] else text
    if name in ("rsplit", "rpartition") and index == 0 and words:
        if text.anchored and plain[0] == "/":
            return find_parent(text)
        return replace(text, text=text.text.rpartition(words[0])[0]) if text.is_known else None
    if name in ("split", "partition", "rsplit", "rpartition") and words and index is not None:
        if text.is_known and not text.anchored and words[0]:
            parts = text.text.split(words[0])
            return Text(parts[index]) if -len(parts) <= index < len(parts) else None
    if name in ("removesuffix", "rstrip", "strip") and words:
        return (
            replace(text, text=text.text.removesuffix(words[0])) if name == "removesuffix" else text
        )
    if name in ("lower", "upper", "strip", "rstrip", "lstrip") and text.is_known:
        return replace(text, text=getattr(text.text, name)()) if not text.anchored else text
    return None


def take_slice(text: Text, cut: ast.Slice) -> Text | None:
    """`name[:-3]`, `path[: path.rfind("/") + 1]` -> the rest of the text."""
    upper = cut.upper
    if cut.lower is None and isinstance(upper, ast.UnaryOp):
        count = getattr(upper.operand, "value", None)
        is_inside = isinstance(count, int) and HOLE not in text.text[-count:]
        return replace(text, text=text.text[:-count]) if is_inside else None
    if cut.lower is None and upper is not None:
        searches = [one for one in ast.walk(upper) if isinstance(one, ast.Attribute)]
        if any(one.attr in ("rfind", "rindex") for one in searches):
            return find_parent(text)
    return None
