"""A file as a private data set: sent once, whatever fails and whenever it arrives."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lib.base.errors import InputError, PipelineError
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.data_set_content import DATA_SET_BYTES, Content, read_content
from lib.kaggle.data_set_records import DataSetRecords
from lib.kaggle.ledger import is_settled
from lib.kaggle.push_data_set import Placed, push_data_set
from lib.kaggle.settle import settle_all
from tests.kaggle_datasets import FIRST_NOTE, DataSetRecord
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import QUICK, Place, open_place
from tests.kaggle_state import KEY

DATA_SET = "ada/tiny-weights"
BRIEF = replace(QUICK, grace_s=0.3, settle_s=0.2, call_s=0.2, data_set_s=10)
CREATES = ("CreateDataset", "CreateDatasetVersion")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch, BRIEF) as place:
        yield place


def write(place: Place, content: bytes = b"\0weights" * 9000, name: str = "tiny.pth") -> Content:
    path = place.work.root / name
    path.write_bytes(content)
    return read_content(path, name, [KEY])


def send(place: Place, content: Content | None = None) -> Placed:
    content = content or write(place)
    return push_data_set(place.work, place.session, DATA_SET, content, "tiny")


def record(place: Place) -> DataSetRecord:
    return place.server.data_sets[DATA_SET]


def list_events(place: Place) -> list[str]:
    return [event["event"] for event in place.work.read_ledger()]


def prepare(place: Place, call: str) -> int:
    """The call that is to be made -> the number of the version that it makes."""
    if call == "CreateDatasetVersion":
        send(place, write(place, b"older"))
        (place.work.root / "runs" / "ledger.jsonl").unlink()
    return 1 if call == "CreateDataset" else 2


def test_new_file_becomes_a_private_data_set(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    content = write(place)
    placed = send(place, content)
    assert (placed.version, placed.source, placed.is_new) == (1, DATA_SET, True)
    assert record(place).is_private
    assert record(place).latest.files == {"tiny.pth": content.path.read_bytes()}
    assert content.sha256 in record(place).description, "its creation takes no note"
    assert record(place).latest.note == FIRST_NOTE
    (call,) = [body for name, body in place.server.calls if name == "CreateDataset"]
    assert call["isPrivate"] is True
    shown = capsys.readouterr().out
    assert "BLOBS_RECEIVED" in shown
    assert "READY" in shown
    assert SIGNATURE not in shown
    assert list_events(place) == ["data_set_sending", "data_set"]


def test_same_bytes_make_no_second_version_and_others_do(place: Place) -> None:
    first = write(place)
    send(place, first)
    again = send(place, first)
    assert (again.version, again.is_new) == (1, False)
    other = send(place, write(place, b"other"))
    assert (other.version, other.is_new, other.source) == (2, True, DATA_SET)
    assert record(place).latest.note == f"tiny [sha256 {write(place, b'other').sha256}]"
    older = send(place, write(place))
    assert (older.version, older.source) == (1, f"{DATA_SET}/1"), "the latest holds other bytes"
    assert len(record(place).versions) == 2
    assert place.server.count("StartBlobUpload") == 2, "nothing is uploaded to be thrown away"


def test_version_of_another_machine_is_found_by_its_note(place: Place) -> None:
    send(place, write(place, b"older"))
    send(place)
    (place.work.root / "runs" / "ledger.jsonl").unlink()
    assert send(place).version == 2
    assert list_events(place) == ["data_set"]
    assert place.work.read_ledger()[0]["adopted"] is True


@pytest.mark.parametrize("call", CREATES)
@pytest.mark.parametrize(
    "fault",
    [{"reset": "before"}, {"reset": "after"}, {"code": 503}, {"code": 429}, {"answer": {}}],
    ids=str,
)
def test_fault_before_or_after_the_effect_makes_one_version(
    place: Place, call: str, fault: dict[str, object]
) -> None:
    number = prepare(place, call)
    place.server.fail(call, **fault)
    assert send(place).version == number
    assert len(record(place).versions) == number
    assert place.server.count(call) == (1 if fault == {"reset": "after"} else 2)
    assert DataSetRecords(place.work, DATA_SET).list_pending() == []
    assert send(place).version == number
    assert len(record(place).versions) == number


@pytest.mark.parametrize(
    "name", ["GetDataset", "GetDatasetStatus", "StartBlobUpload", "PUT upload"]
)
@pytest.mark.parametrize("fault", [{"reset": "before"}, {"reset": "after"}, {"code": 503}], ids=str)
def test_fault_of_a_call_that_changes_nothing_is_repeated(
    place: Place, name: str, fault: dict[str, object]
) -> None:
    place.server.fail(name, **fault)
    assert send(place).version == 1
    assert len(record(place).versions) == 1


def test_upload_goes_on_where_it_broke_off_and_begins_anew_where_it_is_gone(place: Place) -> None:
    content = write(place)
    place.server.fail("PUT upload", cut=50_000)
    place.server.fail("PUT upload", code=404, skip=3)
    send(place, content)
    ranges = [body["range"] for name, body in place.server.calls if name == "PUT upload"]
    assert ranges == ["", f"bytes */{content.size}", f"bytes 50000-71999/{content.size}"]
    place.server.fail("PUT upload", code=404)
    other = write(place, b"other" * 9)
    assert send(place, other).version == 2
    assert record(place).latest.files == {"tiny.pth": b"other" * 9}


@pytest.mark.parametrize("call", CREATES)
def test_late_effect_within_the_window_is_found(place: Place, call: str) -> None:
    number = prepare(place, call)
    place = replace(place, session=place.with_patience(settle_s=5))
    place.server.fail(call, late_s=0.3)
    assert send(place).version == number
    assert place.server.count(call) == 1
    assert len(record(place).versions) == number


@pytest.mark.parametrize("call", CREATES)
@pytest.mark.parametrize("is_killed", [False, True])
def test_late_effect_of_the_windows_last_moment_is_found(
    place: Place, call: str, is_killed: bool
) -> None:
    """The window is `settle_s` and a moment more, as for pushes and submissions."""
    number = prepare(place, call)
    place = replace(place, session=place.with_patience(settle_s=0.8))
    place.server.fail(call, late_s=1.0)
    if is_killed:
        kill(place)
    assert send(place).version == number
    assert place.server.count(call) == 1
    assert len(record(place).versions) == number


class Killed(BaseException):
    """The end of a command, as by a signal."""


def kill(place: Place) -> None:
    """A command that ends when its call that creates something has no answer -> it has ended."""

    def die(*words: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.kaggle.client.late_effects.look_for", die)
        with pytest.raises(Killed):
            send(place)
    assert list_events(place)[-1] == "data_set_sending"


@pytest.mark.parametrize("call", CREATES)
@pytest.mark.parametrize("arrives", [True, False])
def test_command_after_one_that_was_cut_off_makes_one_version(
    place: Place, call: str, arrives: bool
) -> None:
    number = prepare(place, call)
    place.server.fail(call, reset="after" if arrives else "before")
    kill(place)
    assert send(place).version == number
    assert len(record(place).versions) == number
    assert place.server.count(call) == (1 if arrives else 2)
    assert DataSetRecords(place.work, DATA_SET).list_pending() == []


@pytest.mark.parametrize("call", CREATES)
def test_effect_that_comes_after_the_next_command_began_is_waited_for(
    place: Place, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once a submission was doubled so: the next command looked a little, and sent it again."""
    number = prepare(place, call)
    place.server.fail(call, late_s=0.5)
    kill(place)
    place = replace(place, session=place.with_patience(settle_s=5, call_s=5))
    assert send(place).version == number
    assert len(record(place).versions) == number
    shown = capsys.readouterr().out
    assert "no trace of it at ada/tiny-weights yet: looking for 6 s more" in shown
    assert "it arrived" in shown


@pytest.mark.parametrize("call", CREATES)
def test_other_commands_look_once_for_one_that_was_cut_off(
    place: Place, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = prepare(place, call)
    place.server.fail(call, reset="before")
    kill(place)
    sending = place.server.calls[-1]
    looks = place.server.count("GetDataset")
    settle_all(replace(place.work, patience=replace(BRIEF, settle_s=60)))
    assert "it is not there yet, and may still come within 61 s" in capsys.readouterr().out
    assert place.server.count("GetDataset") == looks + 1
    assert not is_settled(place.work.read_ledger())
    place.server.answer(*sending)
    settle_all(place.work)
    shown = capsys.readouterr().out
    assert "weights: sending ada/tiny-weights was cut off at" in shown
    assert f"weights: it arrived: version {number}" in shown
    assert "the same weights command waits until it is ready and attaches it" in shown
    assert is_settled(place.work.read_ledger())
    calls = len(place.server.calls)
    settle_all(place.work)
    assert len(place.server.calls) == calls, "with nothing pending nothing is asked"
    assert send(place).version == number
    assert place.server.count(call) == 1
    assert list_events(place)[-2:] == ["data_set_sending", "data_set"]


def test_cut_off_one_that_never_arrived_is_given_up_and_found_all_the_same_when_it_comes(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.fail("CreateDataset", reset="before")
    kill(place)
    sending = place.server.calls[-1]
    time.sleep(place.work.patience.call_s + place.work.patience.window_s)
    settle_all(place.work)
    assert "weights: it never arrived there" in capsys.readouterr().out
    assert list_events(place) == ["data_set_sending", "data_set_unsent"]
    assert is_settled(place.work.read_ledger())
    place.server.answer(*sending)
    assert send(place).version == 1
    assert len(record(place).versions) == 1


def test_trouble_of_that_look_is_told_and_raises_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.fail("CreateDataset", reset="after")
    kill(place)
    place.server.fail("GetDataset", code=503, times=9)
    settle_all(place.work)
    shown = capsys.readouterr().out
    assert "weights: whether it arrived is not known yet: looking up the data set" in shown
    assert "weights: the next weights, runs or watch looks again" in shown
    place.server.faults.clear()
    with place.work.hold("data-set", wait=False):
        settle_all(place.work)
    shown = capsys.readouterr().out
    assert "weights: a data set from here is under way in another process" in shown
    assert not is_settled(place.work.read_ledger())
    assert send(place).version == 1
    assert len(record(place).versions) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"data_set_id": 5},
        {"data_set_id": "a"},
        {"data_set_id": "a", "sha256": 5},
        {"data_set_id": "a", "sha256": ""},
        {"data_set_id": "a", "sha256": "tiny"},
    ],
    ids=str,
)
def test_odd_line_of_an_intent_harms_nothing(place: Place, odd: dict[str, object]) -> None:
    send(place)
    place.work.record("data_set_sending", DATA_SET, 2, **odd)
    settle_all(place.work)
    assert [e["event"] for e in place.work.read_ledger()].count("data_set") == 1
    assert send(place, write(place, b"other")).version == 2


def test_effect_later_than_the_window_is_adopted_and_both_are_named(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(place, "CreateDatasetVersion")
    place.server.fail("CreateDatasetVersion", late_s=1.0)
    assert send(place).version == 2
    place.server.wait_late()
    assert len(record(place).versions) == 3
    assert send(place).version == 3
    assert "versions 3, 2 hold the same bytes" in capsys.readouterr().out
    assert len(record(place).versions) == 3
    assert [e["version"] for e in place.work.read_ledger() if e["event"] == "data_set"] == [2, 3]


def test_two_commands_at_once_make_one_version(place: Place) -> None:
    content = write(place)
    found: list[Placed] = []
    threads = [
        threading.Thread(target=lambda: found.append(send(place, content))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.is_new for each in found) == [False, True]
    assert len(record(place).versions) == 1


def test_refusal_is_told_with_a_cure_and_leaves_nothing_pending(place: Place) -> None:
    place.server.data_sets["ada/other"] = DataSetRecord("ada/other", "Tiny Weights", "", True)
    with pytest.raises(KaggleError, match=r"already in use[\s\S]*--slug"):
        send(place)
    with pytest.raises(KaggleError, match=r"not allowed to create[\s\S]*doctor"):
        push_data_set(place.work, place.session, "bob/tiny-weights", write(place), "x")
    assert list_events(place) == ["data_set_sending", "data_set_unsent"] * 2
    del place.server.data_sets["ada/other"]
    assert send(place).version == 1


def test_public_data_set_is_a_loud_error(place: Place) -> None:
    place.server.data_sets_are_public = True
    with pytest.raises(PipelineError, match=r"is PUBLIC: everybody can read it[\s\S]*delete it"):
        send(place)
    with pytest.raises(PipelineError, match="is PUBLIC"):
        send(place, write(place, b"other"))
    assert len(record(place).versions) == 1, "nothing more goes into a public one"
    record(place).is_private = True
    assert send(place).version == 1
    del place.server.data_sets[DATA_SET]
    (place.work.root / "runs" / "ledger.jsonl").unlink()
    with pytest.raises(PipelineError, match="is PUBLIC"):
        send(place)
    del place.server.data_sets[DATA_SET]
    place.server.data_sets_are_public = False
    assert send(place).version == 1, "deleted, as the cure says, and sent again"


def test_failed_processing_is_told_and_the_next_command_sends_it_again(place: Place) -> None:
    send(place, write(place, b"older"))
    place.server.data_set_stages = ["BLOBS_RECEIVED", "FAILED"]
    with pytest.raises(PipelineError, match=r"could not process version 2[\s\S]*FAILED"):
        send(place)
    place.server.data_set_stages = ["REPROCESSING", "READY"]
    assert send(place).version == 3


def test_failed_first_version_too(place: Place) -> None:
    place.server.data_set_stages = ["FAILED"]
    with pytest.raises(PipelineError, match="could not process version 1"):
        send(place)
    place.server.data_set_stages = ["READY"]
    assert send(place).version == 2
    del place.server.data_sets[DATA_SET]  # by the user, on Kaggle's page
    (place.work.root / "runs" / "ledger.jsonl").unlink()
    place.server.data_set_stages = ["FAILED"]
    with pytest.raises(PipelineError, match="could not process version 1"):
        send(place)
    del place.server.data_sets[DATA_SET]
    place.server.data_set_stages = ["READY"]
    assert [send(place).version, send(place).version] == [1, 1]


def test_data_set_that_never_shows_is_told_with_its_cause(place: Place) -> None:
    place.server.data_set_hidden_looks = 10**6
    for _ in range(2):
        with pytest.raises(PipelineError, match=r"does not show it[\s\S]*private space"):
            send(place)
    assert place.server.count("CreateDataset") == 1


def test_data_set_that_shows_late_is_not_made_again(place: Place) -> None:
    place.server.data_set_hidden_looks = 6
    assert send(place).version == 1
    record(place).hidden_looks = 1
    assert send(place).version == 1, "the ledger knows that Kaggle took it"
    assert place.server.count("CreateDataset") == 1


def test_deadline_ends_the_wait_and_the_same_command_goes_on(place: Place) -> None:
    place.server.data_set_stages = ["BLOBS_RECEIVED"]
    late = replace(place, session=place.with_patience(data_set_s=0.2))
    with pytest.raises(PipelineError, match=r"not ready within the deadline[\s\S]*sends nothing"):
        send(late)
    record(place).latest.statuses = ["READY"]
    assert send(place).version == 1
    assert place.server.count("CreateDataset") == 1


def test_status_word_of_tomorrow_is_waited_out(place: Place) -> None:
    place.server.fail("GetDatasetStatus", answer={"status": "PONDERING"}, times=2)
    assert send(place).version == 1


@pytest.mark.parametrize("name", ["GetDataset", "StartBlobUpload", *CREATES, "GetDatasetStatus"])
@pytest.mark.parametrize(
    "odd",
    [{"versions": 5}, {"currentVersionNumber": "x"}, {"token": 5}, {"status": 7}, {"error": []}],
    ids=str,
)
def test_odd_answers_never_make_a_second_version(place: Place, name: str, odd: dict) -> None:
    if name == "CreateDatasetVersion":
        prepare(place, name)
    place.server.fail(name, answer=odd)
    with suppress(PipelineError):
        send(place)
    place.server.faults.clear()
    number = send(place).version
    assert number == len(record(place).versions) == (2 if name == "CreateDatasetVersion" else 1)


def test_file_that_changes_while_it_is_uploaded_makes_nothing(place: Place) -> None:
    content = write(place)
    content.path.write_bytes(b"\0weighty" * 9000)
    with pytest.raises(PipelineError, match="changed while it was uploaded"):
        send(place, content)
    assert place.server.data_sets == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"a: 1\nkey = 'KGAT_" + b"5" * 32 + b"'\n", "credential"),
        (b"\0\0\0" + KEY.encode(), "credential"),
        (b"\0\0\0" + KEY.encode("utf-16-le"), "credential"),
        (b"x" * ((1 << 20) - 8) + KEY.encode() + b"\n", "credential"),
        (b"fine\n" * 3 + b"token: ghp_" + b"a" * 36, "line 4: a GitHub token"),
        (
            b"y" * 99 + b"\n" + (b"x" * 49 + b"\n") * 30_000 + b"see /home/ada/x\n",
            "line 30002: an absolute home path",
        ),
    ],
    ids=lambda given: str(given)[-20:],
)
def test_file_that_must_not_leave_is_refused(place: Place, content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        write(place, content)


def test_file_over_the_limit_is_refused_before_it_is_read(place: Place) -> None:
    path = place.work.root / "large.bin"
    with path.open("wb") as file:
        file.truncate(DATA_SET_BYTES + 1)
    with pytest.raises(InputError, match=r"200,000,000,000 bytes at most, got 200,000,000,001"):
        read_content(path, path.name, [])
    with pytest.raises(InputError, match="a folder"):
        read_content(place.work.root, "root", [])


def test_note_that_holds_a_secret_is_refused(place: Place) -> None:
    with pytest.raises(InputError, match="nothing was sent"):
        push_data_set(place.work, place.session, DATA_SET, write(place), f"key {KEY}")
    assert place.server.calls == []
    assert json.dumps(place.work.read_ledger()) == "[]"
