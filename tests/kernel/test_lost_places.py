"""Places of a run that go away, are taken or held: two lines, and the same command goes on."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib.base.files import read_json
from lib.kernel import pipeline
from lib.kernel.report.provenance import locked
from tests.kernel.test_full_disk import RESULTS, RUNS, cache_extractor, call
from tests.local_runs import write_input

RECIPE = "second-seed"
STRIDE = 3  # accesses from one try to the next
Captured = pytest.CaptureFixture[str]


class Leaver:
    """An input folder that is renamed at an access to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.gone = folder, folder.with_name("gone")
        self.left = 0
        sys.addaudithook(self._hear)

    @contextmanager
    def leaving(self, access: int) -> Iterator[None]:
        """Take the folder away at an access in this block, from 1; bring it back at its end."""
        self.left = access
        try:
            yield
        finally:
            self.left = 0
            if self.gone.exists():
                self.gone.rename(self.folder)

    def _hear(self, event: str, words: tuple[Any, ...]) -> None:
        is_access = event in ("open", "os.scandir", "os.listdir")
        if self.left and is_access and str(words[0]).startswith(str(self.folder)):
            self.left -= 1
            if not self.left:
                self.folder.rename(self.gone)


def demand_two_lines(code: int, capsys: Captured) -> str:
    """A failed run's exit code -> what it said on stderr."""
    told = capsys.readouterr().err
    assert code in (1, 2)
    assert len(told.splitlines()) == 2, told
    assert "cure: " in told
    assert "report it" not in told
    return told


@pytest.mark.slow
def test_places_that_go_away_are_taken_or_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """One run, for each try goes on where the one before ended.

    Past failure: of an input that went away in the middle, the rest passed for the whole.
    """
    monkeypatch.setitem(RUNS[RECIPE], "epochs", 1)
    monkeypatch.setattr(pipeline, "load_extractor", cache_extractor(pipeline.load_extractor))
    write_input(tmp_path / "in")
    leaver = Leaver(tmp_path / "in")
    access, code = 1, 1
    while code:
        capsys.readouterr()
        with leaver.leaving(access):
            code = call(monkeypatch, tmp_path, RECIPE)
        if code:
            demand_two_lines(code, capsys)
        access += STRIDE
        assert access < 100
    assert access > 6 * STRIDE, "it went away before, in and after each reading"
    output = tmp_path / "out"
    metrics = read_json(output / "metrics.json")
    assert metrics["kept"] + metrics["rejected"] == 24
    before = {name: (output / name).read_bytes() for name in RESULTS}

    with locked(tmp_path / "scratch"):  # by this process, so that another one is refused
        other = (
            "import sys; from pathlib import Path; from lib.base.exit_codes import *;"
            "from lib.kernel.report.provenance import locked;"
            "sys.exit(run_for_exit_code(lambda: locked(Path(sys.argv[1])).__enter__() or 0, False))"
        )
        from tests.local_runs import ROOT
        from tests.local_runs import call as call_python

        done = call_python(ROOT, "-c", other, str(tmp_path / "scratch"))
        assert done.returncode == 2
        assert "another run is at work in the same output folder" in done.stderr
    assert call(monkeypatch, tmp_path, RECIPE) == 0
    assert "its 12 files are verified" in capsys.readouterr().out

    for name in ("images.zip", "report.html", "run_manifest.json"):
        path = output / name
        path.unlink()
        path.mkdir()
        (path / "inside").touch()
        told = demand_two_lines(call(monkeypatch, tmp_path, RECIPE), capsys)
        assert f"Is a directory, got {path}" in told
        shutil.rmtree(path)
    (output / "submission.csv").chmod(0o400)
    assert call(monkeypatch, tmp_path, RECIPE) == 0
    assert {name: (output / name).read_bytes() for name in RESULTS} == before
