"""A run as `submit` hands it in: verified, once, scored; and the whole loop through a real run."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from lib.base.errors import InputError, PipelineError
from lib.commands.offline.submission_check import check_submission
from lib.kaggle import submit_run
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.submissions import (
    Checked,
    Score,
    find_submission,
    submit_file,
    wait_for_score,
)
from lib.kaggle.ledger import LEDGER
from lib.kaggle.recorded_steps import fetch_and_record, watch_and_record
from lib.kaggle.runs_table import fold_events
from lib.kaggle.submit_run import submit_and_record
from tests.kaggle_desk import SIGNATURE, score
from tests.kaggle_place import NO_JOURNAL, REF, Place, make_script, open_place, play_complete
from tests.kaggle_state import COMPETITION


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the stand-in kernel leaves, made once."""
    monkeypatch = pytest.MonkeyPatch()
    with open_place(tmp_path_factory.mktemp("run"), monkeypatch) as place:
        place.push()
        place.server.close_runs()
        made = place.server.versions[REF][0].outputs
    monkeypatch.undo()
    return made


@pytest.fixture
def finished(place: Place, outputs: dict[str, bytes]) -> Place:
    """A place whose version 1 has ended with the stand-in's outputs."""
    place.push()
    place.server.versions[REF][0].outputs = dict(outputs)
    return place


def change_outputs(place: Place, csv: bytes | None = None, **manifest: object) -> None:
    """A CSV, fields of the manifest -> the outputs with these, the hashes right again."""
    outputs = place.server.versions[REF][0].outputs
    if csv is not None:
        outputs["submission.csv"] = csv
    fields = json.loads(outputs["run_manifest.json"])
    fields["artefacts"]["submission.csv"] = sha256(outputs["submission.csv"]).hexdigest()
    outputs["run_manifest.json"] = json.dumps({**fields, **manifest}).encode()


def submit(place: Place, as_kernel: bool = False) -> None:
    submit_and_record(place.work, place.session, REF, 1, "first try", as_kernel, check_submission)


@pytest.mark.parametrize("as_cell", [False, True], ids=["file", "notebook cell"])
def test_whole_loop_through_a_real_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_cell: bool,
) -> None:
    data = tmp_path / "data" / "shard_00"
    data.mkdir(parents=True)
    (data / "data.jsonl").write_text("{}\n")
    with open_place(tmp_path, monkeypatch, data=data.parent) as place:
        place.server.as_cell = as_cell
        pushed = place.push()
        assert watch_and_record(place.work, place.session, REF, pushed.version) == 0
        fetch_and_record(place.work, place.session, REF, pushed.version)
        submit_and_record(
            place.work, place.session, REF, pushed.version, "hello", False, check_submission
        )
        out = capsys.readouterr().out
        assert "  | train: 10 of 20 steps, ETA 3.0 s" in out
        assert "  | shards: 1 found" in out
        (run,) = fold_events(place.work.read_ledger())
        assert (run.status, run.read("fid"), run.read("floor")) == ("COMPLETE", 12.5, 3.25)
        expected = score((place.work.locate_run(REF, 1) / "submission.csv").read_bytes())
        assert (run.public, run.private) == (expected["publicScore"], expected["privateScore"])
        assert f"public score   {run.public}" in out
        assert SIGNATURE not in out
        assert place.server.submissions[0]["description"].startswith("hello [tiny-test-kernel v1 ")


def test_script_that_fails_ends_as_error_with_its_traceback_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_place(tmp_path, monkeypatch) as place:
        place.push("print('begin')\nraise ValueError('no luck')\n")
        with pytest.raises(PipelineError, match="ended as ERROR"):
            watch_and_record(place.work, place.session, REF, 1)
        assert "  | ValueError: no luck" in capsys.readouterr().out


@pytest.mark.parametrize("as_kernel", [False, True])
def test_same_file_is_never_submitted_twice(
    finished: Place, as_kernel: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(finished, as_kernel)
    submit(finished, as_kernel)
    assert len(finished.server.submissions) == 1
    assert "nothing new is sent" in capsys.readouterr().out
    name = "CreateCodeSubmission" if as_kernel else "CreateSubmission"
    bodies = [body for called, body in finished.server.calls if called == name]
    assert len(bodies) == 1
    if as_kernel:
        assert bodies[0]["kernelVersion"] == 1
        assert bodies[0]["fileName"] == "submission.csv"
    content = finished.server.submissions[0]["content"]
    assert content == finished.server.versions[REF][0].outputs["submission.csv"]


def test_two_submits_at_the_same_moment_send_one_file(
    finished: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock belongs to the open file, so threads stand for processes."""
    fetch_and_record(finished.work, finished.session, REF, 1)
    both = Barrier(2)

    def look_together(*given: Any) -> Score | None:
        found = find_submission(*given)
        with suppress(BrokenBarrierError):  # held up by the lock the other one never looks
            both.wait(timeout=1.0)
        return found

    monkeypatch.setattr(submit_run, "find_submission", look_together)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(submit, finished) for _ in range(2)]:
            done.result()
    assert len(finished.server.submissions) == 1
    assert finished.server.count("CreateSubmission") == 1


def test_code_submission_whose_answer_was_lost_is_found(finished: Place) -> None:
    finished.server.fail("CreateCodeSubmission", reset="after")
    submit(finished, as_kernel=True)
    assert len(finished.server.submissions) == 1


def test_submission_interrupted_after_its_creation_is_found_again(finished: Place) -> None:
    finished.server.pending_polls = 10**6
    session = finished.with_patience(score_s=0.1)
    with pytest.raises(PipelineError, match="finds this submission and sends nothing new"):
        submit_and_record(finished.work, session, REF, 1, "first try", False, check_submission)
    finished.server.pending_polls = 0
    submit(finished)
    assert len(finished.server.submissions) == 1
    assert fold_events(finished.work.read_ledger())[0].public


def test_csv_that_the_check_refuses_is_not_sent(finished: Place) -> None:
    change_outputs(finished, finished.server.versions[REF][0].outputs["submission.csv"][:-9000])
    with pytest.raises(PipelineError, match="is not complete"):
        submit(finished)
    assert finished.server.count("StartSubmissionUpload") == 0


def test_check_sees_the_fetched_folder_and_the_push(finished: Place) -> None:
    seen: list[Any] = []

    def check(folder: Path, push: dict[str, Any] | None) -> Checked:
        seen.append((folder, push))
        return check_submission(folder, push)

    submit_and_record(finished.work, finished.session, REF, 1, "first try", False, check)
    assert seen == [(finished.work.locate_run(REF, 1), finished.work.find_push(REF, 1))]


def test_daily_limit_is_known_before_anything_is_sent(finished: Place) -> None:
    finished.server.daily_limit = 0
    with pytest.raises(PipelineError, match="midnight UTC"):
        submit(finished)
    assert finished.server.count("StartSubmissionUpload") == 0


def test_daily_limit_told_by_the_refusal_has_its_cure(place: Place) -> None:
    path = place.work.root / "submission.csv"
    path.write_text("id,f0\na,1\n")
    place.server.daily_limit = 0
    with pytest.raises(KaggleError, match=r"4\.2 hours from now[\s\S]*midnight UTC"):
        submit_file(place.session, COMPETITION, path, "text [m]", "[m]", NO_JOURNAL)
    assert place.server.count("CreateSubmission") == 1


@pytest.mark.parametrize("cut", [0, 1, 700, 70_000])
def test_upload_that_breaks_off_resumes_where_it_was(place: Place, cut: int) -> None:
    path = place.work.root / "submission.csv"
    path.write_bytes(bytes(range(256)) * 400)
    place.server.fail("PUT upload", cut=cut)
    submit_file(place.session, COMPETITION, path, "text [m]", "[m]", NO_JOURNAL)
    assert place.server.submissions[0]["content"] == path.read_bytes()
    spans = [body["range"] for name, body in place.server.calls if name == "PUT upload"]
    assert spans[:2] == ["", "bytes */102400"]
    assert spans[2] == (f"bytes {cut}-102399/102400" if cut else "")
    assert place.server.count("StartSubmissionUpload") == 1


def test_upload_that_the_server_forgot_starts_over(place: Place) -> None:
    path = place.work.root / "submission.csv"
    path.write_bytes(b"id,f0\n" * 100)
    place.server.fail("PUT upload", cut=100)
    place.server.fail("PUT upload", code=404)
    submit_file(place.session, COMPETITION, path, "text [m]", "[m]", NO_JOURNAL)
    assert place.server.count("StartSubmissionUpload") == 2
    assert place.server.submissions[0]["content"] == path.read_bytes()


@pytest.mark.parametrize("answer", [{}, {"token": "x"}, {"createUrl": "http://localhost/x"}])
def test_an_upload_without_address_or_token_is_asked_for_again(
    place: Place, answer: dict[str, str]
) -> None:
    path = place.work.root / "submission.csv"
    path.write_bytes(b"id,f0\n" * 100)
    place.server.fail("StartSubmissionUpload", answer=answer)
    submit_file(place.session, COMPETITION, path, "text [m]", "[m]", NO_JOURNAL)
    assert place.server.count("StartSubmissionUpload") == 2
    assert place.server.count("PUT upload") == 1, "nothing was sent to nowhere, or in vain"
    assert place.server.submissions[0]["content"] == path.read_bytes()


def test_upload_that_always_fails_submits_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place.work.root / "submission.csv"
    path.write_bytes(b"id,f0\n" * 100)
    place.server.fail("PUT upload", code=503, times=99)
    with pytest.raises(KaggleError) as caught:
        submit_file(place.session, COMPETITION, path, "text [m]", "[m]", NO_JOURNAL)
    assert place.server.count("CreateSubmission") == 0
    assert SIGNATURE not in str(caught.value) + capsys.readouterr().out


def test_score_pending_for_long_then_error_is_told_with_its_reason(
    finished: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    finished.server.pending_polls = 12
    finished.server.score_error = "Submission must have 1000 rows"
    with pytest.raises(PipelineError, match="Submission must have 1000 rows"):
        submit(finished)
    assert capsys.readouterr().out.count("PENDING") == 1
    run = fold_events(finished.work.read_ledger())[0]
    assert run.public == "error"
    finished.server.score_error = ""
    submit(finished)  # a submission that failed does not stand in the way
    assert len(finished.server.submissions) == 2


def test_lost_answer_is_not_taken_for_an_earlier_submission_of_the_same_file(
    finished: Place,
) -> None:
    finished.server.score_error = "Evaluation exception"
    with pytest.raises(PipelineError, match="Evaluation exception"):
        submit(finished)
    finished.server.score_error = ""
    finished.server.fail("CreateSubmission", reset="before")
    submit(finished)
    assert [entry["status"] for entry in finished.server.submissions] == ["ERROR", "COMPLETE"]


def test_unknown_score_state_is_waited_out(place: Place) -> None:
    place.server._submit({}, b"id,f0\na,1\nb,2\n", "submission.csv")
    place.server.fail("GetSubmission", answer={"ref": 9000, "status": "DREAMING"}, times=2)
    assert wait_for_score(place.session, 9000).status == "COMPLETE"


def test_competition_must_be_one(finished: Place) -> None:
    finished.write_metadata(competition_sources=[])
    with pytest.raises(InputError, match="must name one competition"):
        submit(finished)


def test_version_pushed_from_elsewhere_can_be_submitted(place: Place) -> None:
    place.server.play = None
    place.server.push(REF, make_script())
    place.server.close_runs()
    submit(place)
    assert len(place.server.submissions) == 1


def test_fetch_that_was_killed_before_its_line_is_made_again(
    finished: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found by kills: the folder was whole, and submit refused what the ledger did not know."""
    fetch_and_record(finished.work, finished.session, REF, 1)
    ledger = finished.work.root / LEDGER
    lines = ledger.read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["event"] != "fetch"]
    assert len(kept) == len(lines) - 1
    ledger.write_text("".join(kept))
    submit(finished)
    assert "was cut off at its end: fetching it again" in capsys.readouterr().out
    run = fold_events(finished.work.read_ledger())[0]
    assert (run.submission, run.verified) == ("COMPLETE", True)
    assert run.metrics
