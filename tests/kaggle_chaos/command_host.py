"""A copy of the repository -> a process that has its commands imported, and forks for each one.

The code that runs is the command line's own; only the seconds of the imports are shared.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

_HOST = """
import importlib, json, os, pkgutil, sys, traceback
sys.path.insert(0, os.getcwd())
from lib.commands.command_line import COMMANDS, load_command, main
import kagglesdk.kaggle_client, kagglesdk.kaggle_creds
for name in ("competitions.types.competition", "datasets.types.dataset", "kernels.types.kernels"):
    importlib.import_module(f"kagglesdk.{name}_api_service")
for name in ("lib.bundler", "lib.kaggle", "lib.commands.bundling", "lib.commands.on_kaggle"):
    for found in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        importlib.import_module(found.name)
import lib.commands.kernel_build
for name in COMMANDS:
    load_command(name)
told = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    words, shown = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        told.close()
        file = os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = 70
        try:
            code = main(words)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)
    print(pid, file=told, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=told, flush=True)
"""


class CommandHost:
    """Starts commands in a root, one at a time."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self._shown = root.parent / "shown.txt"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HOST],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()

    def start(self, *words: str) -> int:
        """Start a command; return the id of its process, which leads a group."""
        self._shown.unlink(missing_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([words, str(self._shown)]) + "\n")
        self._process.stdin.flush()
        return self._read_number()

    def wait(self) -> tuple[int, str]:
        """Wait for the command's end; return its exit code, and what it printed."""
        code = self._read_number()
        shown = self._shown.read_text(errors="replace") if self._shown.is_file() else ""
        return code, shown

    def kill(self, pid: int, number: int) -> None:
        """Send a started command's group a signal, unless it has ended."""
        for target in (lambda: os.killpg(pid, number), lambda: os.kill(pid, number)):
            try:
                target()
                return
            except ProcessLookupError:
                continue

    def _read_number(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the host of the commands has ended"
        return int(line)
