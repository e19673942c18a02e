"""A pushed script -> a process in folders laid out as on Kaggle -> its log events and outputs."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_AS_CELL = """
import sys, nbformat, nbclient
text = open(sys.argv[1], encoding="utf-8").read()
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)])
client = nbclient.NotebookClient(book, timeout=None, kernel_name="python3", allow_errors=True)
client.execute(cwd=".")
for output in book.cells[0].outputs:
    if output.output_type == "stream":
        getattr(sys, output.name).write(output.text)
    name, value = output.get("ename"), output.get("evalue")
    if output.output_type == "error" and (name, value) != ("SystemExit", "0"):
        sys.exit("\\n".join(output.traceback))
"""


class Sandbox:
    """One run: folders below input/, working (its current folder), temp, src/script.py."""

    def __init__(self, folder: Path, attached: dict[str, Path]) -> None:
        self.folder = folder
        self.working = folder / "working"
        for name in ("input", "working", "temp", "src", "home"):
            (folder / name).mkdir(parents=True)
        for name, data in attached.items():
            shutil.copytree(data, folder / "input" / name)
        self._process: subprocess.Popen[str] | None = None

    def run(self, text: str, as_cell: bool, tell: Callable[[str, float, str], None]) -> int:
        """(script, how, receiver of stream name, seconds, data) -> exit code."""
        script = self.folder / "src" / "script.py"
        script.write_text(text, encoding="utf-8")
        words = [sys.executable, "-I", str(script)]
        if as_cell:
            words = [sys.executable, "-I", "-c", _AS_CELL, str(script)]
        started = time.monotonic()
        self._process = subprocess.Popen(
            words,
            cwd=self.working,
            env=self._make_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def pass_on(name: str, stream: object) -> None:
            for line in stream:  # type: ignore[attr-defined]
                tell(name, time.monotonic() - started, line)

        with self._process:
            errors = threading.Thread(target=pass_on, args=("stderr", self._process.stderr))
            errors.start()
            pass_on("stdout", self._process.stdout)
            errors.join()
        return self._process.returncode

    def stop(self) -> None:
        """Nothing -> the process, if it still runs, is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def list_outputs(self) -> dict[str, bytes]:
        """Nothing -> what the run left in its working folder."""
        paths = sorted(path for path in self.working.rglob("*") if path.is_file())
        return {path.relative_to(self.working).as_posix(): path.read_bytes() for path in paths}

    def _make_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "temp"),
            "KERNEL_INPUT": str(self.folder / "input"),
            "KERNEL_OUTPUT": str(self.working),
            "KERNEL_SCRATCH": str(self.folder / "temp"),
            "KAGGLE_KERNEL_RUN_TYPE": "Batch",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        }
