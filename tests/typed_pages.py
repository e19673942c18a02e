"""A Markdown page -> its commands, as a reader types them, and what the page says they print."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from lib.commands.command_line import COMMANDS, load_command
from lib.commands.options import Parser
from tests.kaggle_prompt import SOURCE

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block of a page."""

    language: str
    text: str
    start: int  # characters of the page before its fence
    end: int

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, in the order in which a shell runs them."""
        lines = self.text.replace("\\\n", " ").splitlines()
        parts = [part for line in lines for part in line.split(" && ")]
        return [words for part in parts if (words := shlex.split(part, comments=True))]


def read_blocks(page: str) -> list[Block]:
    """A page's text -> its fenced code blocks, in order."""
    return [Block(m[1], m[2], m.start(), m.end()) for m in _FENCE.finditer(page)]


def list_commands(path: Path) -> list[list[str]]:
    """A page -> the words of all commands in its `sh` blocks."""
    blocks = read_blocks(path.read_text(encoding="utf-8"))
    return [words for block in blocks if block.language == "sh" for words in block.commands]


def list_targets() -> set[str]:
    """The targets of the Makefile."""
    text = (SOURCE / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def check_build_words(words: list[str]) -> None:
    """Words after `python build.py` -> nothing, where a command takes them; else an InputError."""
    name, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("build", words)
    assert not rest or rest[0].startswith("-") or name != "build", f"there is no command {rest[0]}"
    command = load_command(name)
    parser = Parser(f"build.py {name}", command.summary)
    command.add_options(parser)
    parser.add_argument("--debug", action="store_true")
    if words[-2:] != ["--set", "help"]:
        parser.parse_args(rest)
