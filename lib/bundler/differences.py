"""What a bundle will do otherwise than the program that it is made of, each with its cure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One line to be told when a program is bundled."""

    path: str  # the file that causes it, from the root
    line: int
    what: str
    cure: str

    def __str__(self) -> str:
        """Show it in one line."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.what}; cure: {self.cure}"
