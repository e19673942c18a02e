"""Errors whose one or two lines name stage, what, expected, got and cure."""

import difflib
from collections.abc import Iterable, Sequence

from lib.base.terminal import as_printable


class PipelineError(Exception):
    """A stage failed although its input was in order; the process ends with exit code 1."""

    exit_code = 1

    def __init__(
        self,
        stage: str,
        what: str,
        *,
        expected: str = "",
        got: str = "",
        cure: str = "",
        more: Sequence[str] = (),
    ) -> None:
        """`more` is for a list of faults alone: each has a line of its own."""
        self.stage = stage
        self.what = what
        self.expected = expected
        self.got = got
        self.cure = cure
        self.more = more
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [f"{self.stage}: {self.what}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        lines = [", ".join(parts), *self.more, *([f"cure: {self.cure}"] if self.cure else [])]
        return "\n  ".join(map(as_printable, lines))

    def __reduce__(self) -> tuple[object, ...]:
        fields = (self.stage, self.what, self.expected, self.got, self.cure, self.more)
        return _rebuild, (type(self), *fields)


class InputError(PipelineError):
    """The user's input, option or file is at fault; the process ends with exit code 2."""

    exit_code = 2


def _rebuild(
    kind: type[PipelineError],
    stage: str,
    what: str,
    expected: str,
    got: str,
    cure: str,
    more: Sequence[str],
) -> PipelineError:
    """Make the same error again in the process that unpickles it."""
    return kind(stage, what, expected=expected, got=got, cure=cure, more=more)


def nearest_name(word: str, known: Iterable[str]) -> str:
    """(a mistyped word, the known ones) -> "did you mean 'x'?" or the list of known words."""
    names = sorted(known)
    close = find_nearest(word, names)
    return f"did you mean {close!r}?" if close else f"choose one of {', '.join(names)}"


def find_nearest(word: str, known: Iterable[str], least: float = 0.4) -> str | None:
    """(a mistyped word, the known ones, least likeness up to 1) -> the one that is like it."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=least)), None)
