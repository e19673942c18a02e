"""Hypothesis strategies: modules whose bytes are odd, and edits that an editor makes in them."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

_WORD = st.text(st.sampled_from("ab'\"\\\n\t \f#{}%$éß"), max_size=12)
_RAW = ("'''", '"""', "'''a '''", "r'''\\d'''", '"""b\n  c\n\n"""', "f'{1}'", "'\\\n  d'")
FUTURE = "from __future__ import annotations"
_FUTURES = (
    FUTURE,
    "from __future__ import (\n    annotations,\n)",
    "from __future__ import \\\n  annotations",
)


@dataclass(frozen=True)
class Written:
    """One module: whole statements, comments and empty lines, and how they become bytes."""

    chunks: tuple[str, ...]  # each without its last newline
    codec: str = "utf-8"
    end: str = "\n"
    has_bom: bool = False
    has_last_end: bool = True

    @property
    def content(self) -> bytes:
        text = "".join(chunk + "\n" for chunk in self.chunks)
        text = text if self.has_last_end else text.removesuffix("\n")
        mark = "\ufeff" if self.has_bom else ""
        return (mark + text.replace("\n", self.end)).encode(self.codec)

    @property
    def has_statement(self) -> bool:
        """Whether one stands in it besides those that must be at the top."""
        return any(
            each.strip() and each.strip()[0] != "#" for each in self.chunks[self.first_free :]
        )

    @property
    def first_free(self) -> int:
        """The first place at which a statement may be put: below what must be at the top."""
        top = [
            n
            for n, chunk in enumerate(self.chunks, 1)
            if chunk.startswith(("from __f", "# -*-", '"""D'))
        ]
        return max(top, default=0)

    def put(self, place: int, chunk: str) -> "Written":
        return replace(self, chunks=(*self.chunks[:place], chunk, *self.chunks[place:]))

    def take(self, place: int) -> "Written":
        return replace(self, chunks=(*self.chunks[:place], *self.chunks[place + 1 :]))

    def count_lines(self, place: int) -> int:
        """The lines above the chunk at a place."""
        return sum(chunk.count("\n") + 1 for chunk in self.chunks[:place])


def say(text: str) -> str:
    return f"SAID = [*globals().get('SAID', []), {text!r}]"


@st.composite
def statements(draw: st.DrawFn, latin: bool = False) -> str:
    kind = draw(st.integers(0, 6))
    word = draw(_WORD)
    if kind < 2:
        return say(word)
    if kind == 2:
        return f"if len({word!r}) > 3:\n    {say('long')}\n\nelse:\n    # short\n    {say(word)}"
    if kind == 3:
        quoted = word.replace("\\", "/").replace("'''", "").replace("\f", " ")
        return (
            f"TEXT = r'''{quoted.rstrip(chr(39))}\n  {quoted.strip(chr(39))}\n\n '''\n{say('text')}"
        )
    if kind == 4:
        return draw(st.sampled_from(["", "# a comment", "#", "   # aside", "\f", "  ", "#   far"]))
    if kind == 5:
        return f"{say('continued')} + \\\n    [2, # two\n\n  3]"
    return f"class C:\n    '''Says.'''\n    def f(self): return {word!r}\n\n{say('class')}"


@st.composite
def modules(draw: st.DrawFn, may_be_mixed: bool = True) -> Written:
    codec = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "latin-1", "cp1252"]))
    head = [] if codec == "utf-8" else [f"# -*- coding: {codec} -*-"]
    head += ['"""D: \'\'\' é."""'] if draw(st.booleans()) else []
    head += [draw(st.sampled_from(_FUTURES))] if draw(st.integers(0, 3)) == 0 else []
    chunks = draw(st.lists(statements(), max_size=5))
    if draw(st.integers(0, 8)) == 0:
        chunks = [chunk for chunk in chunks if chunk.strip().startswith("#")]
    ends = ["\n", "\n", "\n", "\r\n", *(["\r"] if codec == "utf-8" else [])]  # as Python reads them
    end = draw(st.sampled_from(ends))
    marked = codec == "utf-8" and draw(st.integers(0, 4)) == 0
    whole = (*head, *chunks)
    has_last_end = draw(st.integers(0, 3)) > 0 or not whole or not whole[-1].strip()
    if sum(chunk.count("\n") + 1 for chunk in whole) <= (not has_last_end):
        end = "\n"  # nothing in the file tells of another one
    return Written(whole, codec, end, marked, has_last_end)


ENTRY_TAIL = """\
import importlib
for name in ("a", "sub.b", "sub.c", "sub"):
    module = importlib.import_module("pack." + name)
    print(name, ascii([vars(module).get(word) for word in ("SAID", "TEXT", "__doc__")]))
print(ascii([globals().get(word) for word in ("SAID", "TEXT", "CONFIG", "__doc__")]))"""
PATHS = ("pack/__init__.py", "pack/a.py", "pack/sub/__init__.py", "pack/sub/b.py", "pack/sub/c.py")


@st.composite
def programs(draw: st.DrawFn) -> dict[str, Written]:
    """Path -> module; entry.py imports all others and prints what each of them says."""
    found = {path: draw(modules()) for path in PATHS}
    entry = draw(modules())
    found["entry.py"] = replace(entry, chunks=(*entry.chunks, ENTRY_TAIL))
    return found
