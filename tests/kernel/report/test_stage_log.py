"""report.stage_log: the report of a run that goes on, and where a reader finds it."""

from pathlib import Path

import numpy as np
import pytest

from lib.kernel.configuration import folders
from lib.kernel.recipe import Samples
from lib.kernel.report import stage_log as module
from lib.kernel.report.report import Findings, Found
from lib.kernel.report.stage_log import StageLog
from tests.kernel.report.test_report import TEMPLATE

pytestmark = pytest.mark.ships

HISTORY = [{"step": k, "seconds": 2.0 * k, "loss": 1 / k, "fid": 2 / k} for k in (1, 2, 3)]


@pytest.fixture
def log(tmp_path: Path) -> StageLog:
    findings = Findings("Run", {"minutes": 90.0, "steps": 0})
    return StageLog(findings, TEMPLATE, tmp_path / "out", tmp_path / "scratch")


def make_samples(step: int) -> Samples:
    return Samples(np.full((40, 1, 8, 8), step, np.uint8), step, "average")


def read(tmp_path: Path) -> str:
    return (tmp_path / "out" / "report.html").read_text()


def test_a_training_rewrites_the_page_with_its_newest_samples(
    log: StageLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_EVERY_S", 0.0)
    monkeypatch.setattr(module, "PAGE_SHARE", 1e9)
    with log.stage("train"):
        log.show_training("pixel", HISTORY[:1], False)
        page = read(tmp_path)
        assert "training of pixel, step 1, minute 0 of about 90" in page
        assert ("Newest samples" in page, "<polyline" in page) == (False, True)
        log.show_training("pixel", HISTORY[:2], False, make_samples(2))
        first = read(tmp_path)
        assert "Newest samples: pixel, step 2, average" in first
        log.show_training("pixel", HISTORY, False, make_samples(3))
        page = read(tmp_path)
        assert "Newest samples: pixel, step 3, average" in page
        assert "step 2, average" not in page
    assert "training of pixel" not in read(tmp_path)  # it is over
    assert "Newest samples" in read(tmp_path)
    log.findings.is_complete = True
    log.add(Found(figures={"Submitted": b"png"}))
    log.write_report()
    assert "Newest samples" not in read(tmp_path)


def test_pages_are_not_written_too_often(log: StageLog, tmp_path: Path) -> None:
    log.show_training("pixel", [], False)
    assert not (tmp_path / "out" / "report.html").exists()  # nothing is recorded yet
    log.show_training("pixel", HISTORY[:1], False)
    before = read(tmp_path)
    log.show_training("pixel", HISTORY[:2], False, make_samples(2))
    assert read(tmp_path) == before
    log._next_page = 0.0
    log.show_training("pixel", HISTORY, False)
    assert "step 2, average" in read(tmp_path)  # the samples seen in between


def test_a_run_bounded_by_steps_tells_how_many(log: StageLog, tmp_path: Path) -> None:
    log.show_config({"minutes": 90.0, "steps": 4000})
    log.show_training("edm", HISTORY, False)
    assert "training of edm, step 3 of 4,000, minute 0." in read(tmp_path)


def test_the_address_is_printed_once_and_not_on_kaggle(
    log: StageLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.write_report()
    log.write_report()
    address = (tmp_path / "out" / "report.html").as_uri()
    assert address.startswith("file:///")
    assert capsys.readouterr().out == f"report: {address}, rewritten as the run goes on\n"
    for name in ("input", "working"):
        (tmp_path / "kaggle" / name).mkdir(parents=True)
    monkeypatch.setattr(folders, "_KAGGLE", tmp_path / "kaggle")
    monkeypatch.delenv("KERNEL_OUTPUT", raising=False)
    StageLog(Findings("Run", {}), TEMPLATE, tmp_path / "out", tmp_path / "scratch").write_report()
    assert capsys.readouterr().out == ""
    assert folders.name_address(tmp_path / "a b") == str(tmp_path / "a b")
    monkeypatch.setenv("KERNEL_OUTPUT", str(tmp_path))
    assert folders.name_address(tmp_path / "a b").endswith("/a%20b")


def test_a_training_begun_again_counts_as_an_interruption(log: StageLog, tmp_path: Path) -> None:
    for name in ("speed", "speed", "train"):
        with log.stage(name):
            pass
    assert log.findings.metrics["interruptions"] == 0
    again = StageLog(Findings("Run", {}), TEMPLATE, tmp_path / "out", tmp_path / "scratch")
    with again.stage("train"):
        pass
    assert again.findings.metrics["interruptions"] == 1


def test_a_page_that_cannot_be_written_ends_no_training_and_is_told_once(
    log: StageLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the last page, of the whole run, must be written."""
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    (tmp_path / "scratch" / "begun.json").mkdir(parents=True)
    with log.stage("train"):
        log.show_training("pixel", HISTORY[:1], False)
        log._next_page = 0.0
        log.show_training("pixel", HISTORY[:2], False)
    told = capsys.readouterr().out
    assert told.count("not written; the run goes on") == 1
    assert "warning: Is a directory" in told
    with pytest.raises(IsADirectoryError):
        log.write_report()


def test_a_full_disk_hides_no_other_failure(log: StageLog, tmp_path: Path) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    with pytest.raises(ZeroDivisionError), log.stage("train"):
        raise ZeroDivisionError
