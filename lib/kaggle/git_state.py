"""A working tree -> its commit and what differs from it, among the files that reach a bundle."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_BUILD_INPUTS = ("lib", "kernel_template", "build.py")


@dataclass(frozen=True)
class GitState:
    """Where a bundle's sources stand."""

    commit: str  # 40 hex digits, or "unknown" without git
    changed: tuple[str, ...]  # files that differ from the commit, or are not in it


def read_git_state(root: Path) -> GitState:
    """Ask git for the state of a working tree; without a repository the commit is unknown."""
    commit = _ask_git(root, "rev-parse", "HEAD")
    if commit is None:
        return GitState("unknown", ())
    there = [name for name in _BUILD_INPUTS if (root / name).exists()]
    listed = _ask_git(root, "status", "--porcelain", "--untracked-files=all", "--", *there) or ""
    return GitState(commit.strip(), tuple(line[3:] for line in listed.splitlines()))


def _ask_git(root: Path, *words: str) -> str | None:
    try:
        command = ["git", "-C", str(root), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
