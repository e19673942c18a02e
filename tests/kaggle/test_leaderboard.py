"""Where the team stands after a submission: told, kept, and never in the way of its score."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.commands.on_kaggle.submit import SUBMIT
from lib.kaggle.client.leaderboard import Place, ask_place
from lib.kaggle.client.submissions import Checked
from lib.kaggle.runs_table import fold_events, format_runs, list_columns
from lib.kaggle.submit_run import submit_and_record
from tests.kaggle_place import REF, open_place, play_complete
from tests.kaggle_place import Place as Folder
from tests.kaggle_state import COMPETITION

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        place.server.judge = lambda content, reference: {"publicScore": "0.5"}
        place.push()
        place.server.versions[REF][0].outputs = {"submission.csv": b"id,x\n0,1\n"}
        yield place


def submit(place: Folder) -> dict[str, Any]:
    def accept(folder: Path, push: dict[str, Any] | None) -> Checked:
        return Checked(folder / "submission.csv", "f" * 64, "a file", "made by a test")

    work = replace(place.work, entry="a/program.py")  # which need not leave a manifest
    return submit_and_record(work, place.session, REF, 1, "hello", False, accept)


def test_the_place_is_told_recorded_and_shown(place: Folder, capsys: Captured) -> None:
    place.server.rivals = [0.0, 0.0, 1e9]
    found = submit(place)
    assert (found["place"], found["teams"]) == (3, 4)
    told = capsys.readouterr().out
    assert "submit: place          3 of 4, by the best of your team's submissions" in told
    runs = fold_events(place.work.read_ledger())
    assert (runs[0].as_json()["place"], runs[0].as_json()["teams"]) == (3, 4)
    assert SUBMIT.json is not None
    assert "place, teams" in SUBMIT.json
    table = format_runs(runs, list_columns(()), 100).splitlines()
    assert table[-1] == "place on the leaderboard after tiny-test-kernel/1: 3 of 4"


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 403},
        {"code": 404},
        {"code": 500},
        {"reset": "before"},
        *({"answer": answer, "reset": "after"} for answer in (
            {}, {"userRank": 0, "teamCount": 5}, {"userRank": "first"}, {"userRank": -3},
            {"teamCount": 7}, {"userRank": 2.5, "teamCount": 7}, {"userRank": [1]},
        )),
    ],
)  # fmt: skip
def test_a_place_that_kaggle_does_not_tell_is_in_nobodys_way(
    fault: dict[str, Any], place: Folder, capsys: Captured
) -> None:
    place.server.fail("GetCompetition", **fault)
    found = submit(place)
    assert found["status"] == "COMPLETE"
    assert (found["place"], found["teams"]) == (None, None)
    assert "submit: place          not shown" in capsys.readouterr().out
    assert place.server.count("GetCompetition") == 1  # asked once, for it is no need
    run = fold_events(place.work.read_ledger())[0]
    assert run.public
    assert "place" not in format_runs([run], list_columns(()), 100)


def test_without_a_scored_submission_there_is_no_place(place: Folder) -> None:
    assert ask_place(place.session, COMPETITION) is None


def test_more_places_than_teams_are_told_as_the_place_alone() -> None:
    assert Place(3, 0).describe() == "3"
    assert Place(3, 40).describe() == "3 of 40"


@pytest.mark.parametrize("value", ["3", -1, 0, None, [], 2.5, True])
def test_an_edited_place_in_the_ledger_is_no_place(value: Any) -> None:
    where = {"ref": REF, "version": 1, "time": "2026-11-29T00:00:00Z"}
    push = {**where, "event": "push"}
    run = fold_events([push, {**where, "event": "place", "place": value, "teams": value}])[0]
    assert (run.place, run.teams) == (None, None)


def test_the_place_of_the_latest_score_is_told() -> None:
    """Also where an older version was submitted last."""
    events: list[dict[str, Any]] = [
        {"event": "push", "ref": REF, "version": number, "time": f"2026-11-29T00:00:0{number}Z"}
        for number in (1, 2)
    ]
    for minute, number, place in ((1, 2, 7), (2, 1, 4)):
        when = f"2026-11-29T00:0{minute}:00Z"
        events.append(
            {"event": "place", "ref": REF, "version": number, "place": place, "time": when}
        )
    table = format_runs(fold_events(events), list_columns(()), 100)
    assert table.endswith(f"place on the leaderboard after {REF.split('/')[1]}/1: 4")


def test_the_version_of_a_variant_keeps_its_number_and_its_end() -> None:
    where = {"ref": REF, "version": 12, "time": "2026-11-29T00:00:00Z"}
    names = [f"pixel-of-a-long-name-lr-{rate}" for rate in ("1e-4", "2e-4")]
    push = {**where, "event": "push", "variants": [{"name": name} for name in names]}
    lines = format_runs(fold_events([push]), list_columns(()), 45).splitlines()
    versions = sorted(line.split()[0] for line in lines[1:3])
    ends = [(version[:6], version[-12:]) for version in versions]
    assert ends == [("12/...", "name-lr-1e-4"), ("12/...", "name-lr-2e-4")]
    assert max(map(len, lines[:3])) <= 45
