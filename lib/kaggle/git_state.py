"""A working tree -> its commit, and which of a bundle's source files differ from it."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_BUILD_INPUTS = ("lib", "kernel_template", "build.py")


@dataclass(frozen=True)
class GitState:
    """The commit of a bundle's sources and what differs from it."""

    commit: str  # 40 hex digits, or "unknown" without git
    changed: tuple[str, ...]  # files that are not as in the commit


def read_git_state(root: Path, files: Iterable[Path] | None = None) -> GitState:
    """Read a working tree's state from git; without a repository the commit is unknown.

    `files` are a bundle's sources; None stands for all that this repository's kernel is made of.
    """
    commit = _ask_git(root, "rev-parse", "HEAD")
    if commit is None:
        return GitState("unknown", ())
    if files is None:
        there = [name for name in _BUILD_INPUTS if (root / name).exists()]
    else:
        top = Path((_ask_git(root, "rev-parse", "--show-toplevel") or str(root)).strip()).resolve()
        real = [path.resolve() for path in files]
        there = [str(path) for path in real if path.is_relative_to(top)] or ["/"]
    listed = _ask_git(root, "status", "--porcelain", "--untracked-files=all", "--", *there) or ""
    return GitState(commit.strip(), tuple(line[3:] for line in listed.splitlines()))


def _ask_git(root: Path, *words: str) -> str | None:
    try:
        command = ["git", "-C", str(root), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
