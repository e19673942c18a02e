"""`runs`: what it shows of whom, in lines that fit a terminal, whatever the ledger holds."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from lib.commands.on_kaggle.open_workspace import OWN_COLUMNS, OWN_OLD_NAMES
from lib.commands.on_kaggle.runs import list_rows, list_runs
from lib.commands.on_kaggle.runs_export import export_csv
from lib.kaggle.ledger import LEDGER, append_event
from lib.kaggle.runs_table import (
    Run,
    fold_events,
    format_runs,
    list_columns,
    rank_runs,
    show_number,
)
from lib.kaggle.workspace import Workspace
from tests.kaggle_place import METADATA

REF = "ada/tiny-test-kernel"
LONG = "ada/kernelpress-gan-challenge"


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    (tmp_path / "kernel-metadata.json").write_text(json.dumps(METADATA))
    return Workspace(tmp_path, columns=OWN_COLUMNS, best="low", old_names=OWN_OLD_NAMES)


def tell(work: Workspace, event: str, version: int, ref: str = REF, **facts: Any) -> None:
    append_event(work.root / LEDGER, event, ref, version, **facts)


def test_versions_that_the_plain_client_pushed_have_rows_once_they_were_fetched_or_submitted(
    work: Workspace,
) -> None:
    """They were left out, with their scores."""
    tell(work, "status", 7, status="COMPLETE")  # only looked at
    tell(work, "status", 8, status="ERROR")
    tell(work, "fetch", 8, status="ERROR", minutes=3.5, metrics={"fid": 9.5, "floor": 3.0})
    tell(work, "submit", 9, submission=9000)
    tell(work, "score", 9, result="COMPLETE", public="4.25", private="")
    rows = list_rows(work)
    assert [row["name"] for row in rows] == ["tiny-test-kernel/v9", "tiny-test-kernel/v8"]
    assert [row["status"] for row in rows] == ["PUSHED", "ERROR"]
    assert (rows[0]["public"], rows[1]["fid"], rows[1]["minutes"]) == (4.25, 9.5, 3.5)
    assert rows[1]["when"]
    shown = list_runs(work)
    assert "4.25" in shown
    assert "9.500" in shown


def test_small_numbers_keep_the_digits_that_count(work: Workspace) -> None:
    """0.0038, 0.0042 and 0.00351 were all 0.004."""
    for version, fid in enumerate((0.0038, 0.0042, 0.00351, 0.0), start=1):
        tell(work, "push", version, recipe="pixel")
        tell(work, "fetch", version, metrics={"fid": fid, "floor": 0.00123456})
    shown = list_runs(work)
    for text in ("0.0038", "0.0042", "0.00351", "0.000", "0.001235"):
        assert f" {text} " in shown, text
    assert [show_number(x) for x in (12.5, 1.0, 0.5, 1e-7, -0.25, 123456.789)] == [
        *("12.500", "1.000", "0.5", "1e-07", "-0.25", "123456.789")
    ]


@pytest.mark.parametrize(
    "value", [None, True, -1, 1e400, 10**400, "x\x1b[2J\n", [], [1], {}, {"mean": "x"}, {"a": {}}]
)
@pytest.mark.parametrize("event", ["push", "pushing", "fetch", "score", "submitting", "status"])
def test_a_line_of_wrong_types_takes_no_other_with_it(
    work: Workspace, event: str, value: object
) -> None:
    keys = ["time", "push_id", "same_as", "status", "label", "recipe", "overrides", "config"]
    keys += ["minutes", "metrics", "verified", "bundle_sha256", "commit", "changed", "faults"]
    keys += ["fid", "public", "private", "result", "submission", "machine_shape", "request_sha256"]
    tell(work, "push", 1, recipe="pixel", commit="c0" * 20)
    line = {"event": event, "ref": REF, "version": 1, **dict.fromkeys(keys, value)}
    with (work.root / LEDGER).open("a") as file:
        for change in ({}, {"version": 2}, {"push_id": "abc"}, {"metrics": {"fid": value}}):
            file.write(json.dumps({**line, **change}) + "\n")
    tell(work, "push", 3, recipe="r3gan")
    shown = list_runs(work)
    assert "r3gan" in shown
    assert "\x1b" not in shown
    rows = list_rows(work)
    assert json.loads(json.dumps(rows, allow_nan=False))
    assert "tiny-test-kernel/v3" in export_csv(rows)
    other = Workspace(work.root, columns=("fid", "note"), best="high", entry="x.py")
    assert "\x1b" not in list_runs(other)
    assert export_csv(list_rows(other))


@pytest.mark.parametrize("ref", ["a/\0", "a/..", "a/" + "x" * 300, "a/\ud800", "a/\x1b[2J"])
def test_a_line_of_an_odd_kernel_takes_no_other_with_it(work: Workspace, ref: str) -> None:
    tell(work, "push", 3, recipe="r3gan")
    with (work.root / LEDGER).open("a") as file:
        file.write(json.dumps({"event": "push", "ref": ref, "version": -5}) + "\n")
    assert "r3gan" in list_runs(work)
    assert len(list_rows(work)) == 2
    list_runs(work).encode()


def test_the_usual_table_fits_a_hundred_columns(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was over 220 columns wide, with whole paths in it."""
    monkeypatch.setenv("COLUMNS", "100")
    given = ["weights=/home/ada/some/where/deep/inception.pth", "lr=5e-4", "depth=12"]
    for version in range(1, 13):
        facts = {"recipe": "first-seed", "overrides": given[: version % 4], "commit": "c" * 40}
        tell(work, "push", version, LONG, **facts, bundle_sha256="b" * 64, changed=["x"])
        tell(work, "status", version, LONG, status="COMPLETE", minutes=90.1)
        tell(work, "fetch", version, LONG, metrics={"fid": 12.5 + version, "floor": 0.004321})
        tell(work, "score", version, LONG, public="12.34567", private="12.34567")
    lines = list_runs(work).splitlines()
    assert max(map(len, lines)) <= 100
    assert "/home/ada" not in "".join(lines)
    told = "not shown in 100 columns, but by --json: bundle, commit"
    assert lines[-1] == f"{told}, kernel kernelpress-gan-challenge"
    assert all("12.34567" in line for line in lines[1:13])


def test_a_sweep_of_kernels_keeps_their_names(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for number in range(4):
        ref = f"{LONG}-pixel-lr-{number}e-4-depth-4"
        facts = {"recipe": "pixel", "overrides": [f"lr={number}e-4", "depth=4"]}
        tell(work, "push", 1, ref, **facts, commit="c" * 40, bundle_sha256="b" * 64)
        tell(work, "fetch", 1, ref, metrics={"fid": 12.5 + number, "floor": 3.0}, minutes=60)
    lines = list_runs(work).splitlines()
    assert max(map(len, lines)) <= 100
    assert len({line.split()[0] for line in lines[1:5]}) == 4
    assert "private" in lines[-1], "an empty column goes first"


def test_a_wide_terminal_shows_all(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    tell(work, "push", 1, LONG, recipe="pixel", overrides=["weights=/a/b/c.pth"], commit="c" * 40)
    head, row = list_runs(work).splitlines()
    assert "commit" in head
    assert "weights=c.pth" in row


def test_a_narrow_terminal_keeps_what_counts() -> None:
    runs = [Run(LONG, number, {"label": "a" * 60}, public="0.12345") for number in range(3)]
    lines = format_runs(runs, list_columns(["loss", "accuracy"]), 30).splitlines()
    assert lines[0].split() == ["version", "status", "minutes", "public"]


def test_submissions_that_are_under_way_are_shown(work: Workspace) -> None:
    for version in (1, 2, 3):
        tell(work, "push", version, recipe="pixel")
        tell(work, "submitting", version)
    tell(work, "unsubmitted", 2)
    tell(work, "submit", 3, submission=9000)
    rows = {row["name"][-1]: row["submission"] for row in list_rows(work)}
    assert rows == {"1": "unsettled", "2": None, "3": None}
    assert "unsettled" in list_runs(work)
    assert "submitted" in list_runs(work)


def test_the_best_comes_first_in_the_direction_of_the_project() -> None:
    runs = [
        Run(REF, 1, {}, public="0.5"),
        Run(REF, 2, {}, public="0.75"),
        Run(REF, 3, {}, metrics={"auc": 0.25}),
        Run(REF, 4, {}, metrics={"auc": 0.5}),
        Run(REF, 5, {}),
    ]
    assert [run.version for run in rank_runs(runs, "high", "auc")] == [2, 1, 4, 3, 5]
    assert [run.version for run in rank_runs(runs, "low", "auc")] == [1, 2, 3, 4, 5]
    assert rank_runs(runs[::-1], "") == runs[::-1]


def test_lines_of_older_versions_are_read(work: Workspace) -> None:
    old = {"recipe": "pixel", "overrides": ["lr=1"], "config": {"lr": 1}, "weights_file": "x"}
    tell(work, "push", 1, **old)
    tell(work, "fetch", 1, fid=2.5, floor={"mean": 1.5}, random_weights=False, bundle_sha256="b")
    (run,) = fold_events(work.read_ledger())
    assert (run.read("fid"), run.read("floor"), run.label) == (2.5, 1.5, "pixel")
    (row,) = list_rows(work)
    assert (row["fid"], row["floor"], row["random_weights"]) == (2.5, 1.5, False)


def test_csv_has_all_that_json_has(work: Workspace) -> None:
    tell(work, "push", 1, recipe="=1+1", overrides=["lr=1", 'a="b,c"'], config={"lr": 1})
    (line,) = csv.DictReader(io.StringIO(export_csv(list_rows(work))))
    (row,) = list_rows(work)
    assert list(line) == list(row)
    assert json.loads(line["overrides"]) == row["overrides"]
    assert line["recipe"] == "'=1+1"
    assert export_csv([]) == ""


def test_csv_shows_negative_scores_as_numbers_and_computes_nothing() -> None:
    texts = ["-0.25", "+1e-3", "-.5", "-1+1", "-0.25 ", "-0x1", "=1", "-", "@a", "-1_0", "+٣"]
    rows = list(csv.reader(io.StringIO(export_csv([{"public": text} for text in texts]))))
    assert [cell for (cell,) in rows[1:4]] == texts[:3]
    assert [cell for (cell,) in rows[4:]] == [f"'{text}" for text in texts[3:]]
