"""lib.base.terminal: colours on a terminal alone, none with NO_COLOR, none for a dumb one."""

import io

import pytest

from lib.base.terminal import is_terminal, paint


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "is_painted"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_words_are_painted_where_they_may_be(
    environment: dict[str, str], is_painted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    painted = "\x1b[31merror:\x1b[0m"
    assert paint("error:", "red", Screen()) == (painted if is_painted else "error:")
    assert paint("error:", "red", io.StringIO()) == "error:"


def test_no_color_leaves_a_terminal_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It forbids colours, not a bar."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert is_terminal(Screen())
