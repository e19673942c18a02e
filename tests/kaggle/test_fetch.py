"""Outputs of a run as `fetch` saves them: fresh, inside the folder, each verified."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from lib.base.errors import PipelineError
from lib.kaggle.client.download import PIECE
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.fetch import fetch_version
from lib.kaggle.recorded_steps import fetch_and_record
from lib.kaggle.runs_table import fold_events
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import REF, SLUG, Place, open_place, play_complete
from tests.kaggle_state import KEY, Version


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


def finish(place: Place, outputs: dict[str, bytes], **manifest: object) -> Version:
    """Files and facts -> a pushed version that ended with them and a manifest of them."""
    pushed = place.push()
    version = place.server.versions[REF][pushed.version - 1]
    digests = {name: sha256(content).hexdigest() for name, content in outputs.items()}
    facts = {"bundle_sha256": place.work.find_push(REF, pushed.version)["bundle_sha256"]}
    text = json.dumps({**facts, "artefacts": digests, **manifest})
    version.outputs = {**outputs, "run_manifest.json": text.encode()}
    return version


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_forty_five_files_over_pages_come_down_verified(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {f"samples/epoch_{n:03d}.png": bytes([n]) * (1000 + n) for n in range(44)}
    outputs["metrics.json"] = b'{"fid": 7.25, "floor": 3.5}'
    finish(place, outputs)
    fetch_and_record(place.work, place.session, REF, 1)
    target = place.work.root / "runs" / SLUG / "v1"
    for name, content in outputs.items():
        assert (target / name).read_bytes() == content
    assert (target / f"{SLUG}.log").read_text() == "hello\n"
    assert place.server.count("ListKernelSessionOutput") == 3
    assert sorted(path.name for path in target.parent.iterdir()) == ["v1"]
    run = fold_events(place.work.read_ledger())[0]
    assert (run.read("fid"), run.read("floor"), run.minutes) == (7.25, 3.5, 1.5)
    assert SIGNATURE not in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "..", "a\\..\\x", "C:x", "", "a\nb", ".", "A.TXT"]
)
def test_name_that_leaves_the_folder_is_refused_and_nothing_is_saved(
    place: Place, name: str
) -> None:
    version = finish(place, {"a.txt": b"a"})
    version.outputs[name] = b"evil"
    with pytest.raises(PipelineError, match="name that must not be written"):
        fetch_and_record(place.work, place.session, REF, 1)
    assert list_files(place.work.root / "runs" / SLUG) == []
    assert place.server.count("GET file") == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such names")
@pytest.mark.parametrize(
    "name", ["2026-11-25T10:00:00.log", "logs/a?b*.txt", 'say "x" <y>|z.txt', "grün 猫.png", "-x"]
)
def test_name_that_suits_this_disk_is_saved_as_it_is(place: Place, name: str) -> None:
    finish(place, {"a.txt": b"a", name: b"b"})
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    assert (target / name).read_bytes() == b"b"


def test_download_cut_at_half_resumes(place: Place) -> None:
    content = bytes(range(256)) * 4000
    half = len(content) // 2
    finish(place, {"big.bin": content})
    place.server.fail("GET file", cut=half, skip=1)
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    assert (target / "big.bin").read_bytes() == content
    ranges = [body["range"] for name, body in place.server.calls if name == "GET file"]
    assert ranges == ["", "", f"bytes={half // PIECE * PIECE}-"]


def test_storage_that_knows_no_ranges_sends_the_file_again(place: Place) -> None:
    content = bytes(range(256)) * 4000
    finish(place, {"big.bin": content})
    place.server.ignores_ranges = True
    place.server.fail("GET file", cut=len(content) // 2, skip=1)
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    assert (target / "big.bin").read_bytes() == content
    assert place.server.count("GET file") == 3


def test_interrupted_fetch_continues_where_it_was(place: Place) -> None:
    content = bytes(range(256)) * 4000
    finish(place, {"a.bin": b"first", "big.bin": content})
    place.server.fail("GET file", cut=PIECE + 1000, skip=2)
    place.server.fail("GET file", code=500, times=3)
    target = place.work.locate_run(REF, 1)
    with pytest.raises(KaggleError, match="goes on with what is missing"):
        fetch_version(place.session, REF, 1, target)
    assert not target.exists()
    before = len(place.server.calls)
    fetch_version(place.session, REF, 1, target)
    later = [body["range"] for name, body in place.server.calls[before:] if name == "GET file"]
    assert later == ["", f"bytes={PIECE}-"], "the manifest anew, a.bin kept, big.bin continued"
    assert (target / "big.bin").read_bytes() == content
    assert (target / "a.bin").read_bytes() == b"first"


def test_partial_file_of_another_object_starts_over(place: Place) -> None:
    content = bytes(range(256)) * 400
    finish(place, {"big.bin": content})
    target = place.work.locate_run(REF, 1)
    partials = target.with_name(".v1.partial")
    partials.mkdir(parents=True)
    (partials / sha256(b"big.bin").hexdigest()[:24]).write_bytes(b"x" * 500)
    fetch_version(place.session, REF, 1, target)
    assert (target / "big.bin").read_bytes() == content


def test_partial_file_longer_than_the_object_starts_over(place: Place) -> None:
    finish(place, {"small.bin": b"abc"})
    target = place.work.locate_run(REF, 1)
    partials = target.with_name(".v1.partial")
    partials.mkdir(parents=True)
    (partials / sha256(b"small.bin").hexdigest()[:24]).write_bytes(b"x" * 500)
    fetch_version(place.session, REF, 1, target)
    assert (target / "small.bin").read_bytes() == b"abc"


def test_forbidden_download_gets_a_fresh_address(place: Place) -> None:
    finish(place, {"a.bin": b"first"})
    place.server.fail("GET file", code=403, skip=1)
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    assert (target / "a.bin").read_bytes() == b"first"
    assert place.server.count("ListKernelSessionOutput") == 2


def test_download_that_stays_forbidden_is_an_error_and_no_file(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(place, {"a.bin": b"first"})
    place.server.fail("GET file", code=403, message="<Error>Expired</Error>", skip=1, times=99)
    with pytest.raises(KaggleError) as caught:
        fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1))
    assert SIGNATURE not in str(caught.value) + capsys.readouterr().out
    assert not place.work.locate_run(REF, 1).exists()


def test_changed_file_is_refused(place: Place) -> None:
    version = finish(place, {"a.bin": b"first"})
    version.outputs["a.bin"] = b"forged"
    with pytest.raises(PipelineError, match=r"a\.bin is not the file that the kernel wrote"):
        fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1))
    assert not place.work.locate_run(REF, 1).exists()


def test_file_of_the_manifest_that_is_not_there_is_refused(place: Place) -> None:
    version = finish(place, {"a.bin": b"first", "b.bin": b"second"})
    del version.outputs["b.bin"]
    with pytest.raises(PipelineError, match=r"b\.bin"):
        fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1))


def test_earlier_folder_is_replaced_as_a_whole(place: Place) -> None:
    finish(place, {"a.bin": b"first"})
    target = place.work.locate_run(REF, 1)
    target.mkdir(parents=True)
    (target / "stale.txt").write_text("old")
    fetch_version(place.session, REF, 1, target)
    assert list_files(target) == ["a.bin", "run_manifest.json", f"{SLUG}.log"]


def test_run_that_has_not_ended_is_not_fetched(place: Place) -> None:
    version = finish(place, {"a.bin": b"first"})
    version.statuses = ["RUNNING"]
    with pytest.raises(PipelineError) as caught:
        fetch_and_record(replace(place.work, entry="my prog.py"), place.session, REF, 1)
    assert str(caught.value).splitlines() == [
        f"fetch: {REF} version 1 has not ended, got RUNNING",
        f"  cure: python build.py watch {SLUG}/1 --entry 'my prog.py'",
    ]


def test_failed_run_is_saved_and_told_as_failed(place: Place) -> None:
    version = finish(place, {"a.bin": b"first"})
    version.statuses, version.message = ["ERROR"], "it broke"
    with pytest.raises(PipelineError, match="it broke"):
        fetch_and_record(place.work, place.session, REF, 1)
    assert (place.work.locate_run(REF, 1) / "a.bin").read_bytes() == b"first"


def test_run_of_another_bundle_is_told(place: Place) -> None:
    finish(place, {"a.bin": b"first"}, bundle_sha256="f" * 64)
    with pytest.raises(PipelineError, match="another bundle made this run"):
        fetch_and_record(place.work, place.session, REF, 1)


def test_version_is_pinned_although_a_newer_one_was_pushed(place: Place) -> None:
    finish(place, {"a.bin": b"mine"})
    other = place.server.push(REF, "someone else's")
    other.outputs = {"a.bin": b"theirs"}
    fetch_and_record(place.work, place.session, REF, 1)
    assert (place.work.locate_run(REF, 1) / "a.bin").read_bytes() == b"mine"


def test_saved_log_holds_no_credentials(place: Place) -> None:
    version = finish(place, {"a.bin": b"first"})
    version.events = [{"data": f"key {KEY}\nfine\n"}]
    fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1))
    text = (place.work.locate_run(REF, 1) / f"{SLUG}.log").read_text()
    assert KEY not in text
    assert text.endswith("fine\n")
