"""What `fetch` chooses and keeps: patterns, names, several at once, verified folders."""

import json
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from lib.base.errors import InputError, PipelineError
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernels import OutputFile
from lib.kaggle.fetch import fetch_version
from lib.kaggle.output_names import check_names, choose_files
from lib.kaggle.recorded_steps import fetch_and_record
from lib.kaggle.runs_table import fold_events
from lib.kaggle.submit_run import submit_and_record
from tests.kaggle.test_fetch import finish, list_files
from tests.kaggle_place import REF, SLUG, Place, make_outputs, open_place, play_complete

BAD_MANIFESTS = {
    "HTML": b"<html><body>Sign in</body></html>",
    "nothing": b"",
    "torn": b'{"artefacts": {"a.bin": "00',
    "empty object": b"{}",
    "a list": b"[]",
    "lists nothing": b'{"artefacts": {}}',
    "lists words": b'{"artefacts": "a.bin"}',
    "deep": b"[" * 100_000,
    "not UTF-8": b"\xff\xfe\x00",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


def read_folder(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in list_files(folder)}


# Verified folders


@pytest.mark.parametrize("kind", [*BAD_MANIFESTS, "not listed", "no files at all"])
def test_verified_folder_is_not_replaced_by_an_unverified_one(place: Place, kind: str) -> None:
    version = finish(place, {"a.bin": b"first"})
    fetch_and_record(place.work, place.session, REF, 1)
    target = place.work.locate_run(REF, 1)
    before = read_folder(target)
    good = dict(version.outputs)
    if kind == "not listed":
        del version.outputs["run_manifest.json"]
    elif kind == "no files at all":
        version.outputs = {}
    else:
        version.outputs["run_manifest.json"] = BAD_MANIFESTS[kind]
    for patterns in ((), ("*.bin",)) if kind != "no files at all" else ((),):
        with pytest.raises(PipelineError, match="the folder stays as it was"):
            fetch_version(place.session, REF, 1, target, patterns)
        assert read_folder(target) == before
    version.outputs = good
    fetch_and_record(place.work, place.session, REF, 1)
    assert read_folder(target) == before


@pytest.mark.parametrize("kind", ["HTML", "nothing"])
def test_bad_answer_for_a_file_leaves_the_verified_folder(place: Place, kind: str) -> None:
    version = finish(place, {"a.bin": b"first"})
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    before = read_folder(target)
    version.outputs["b.bin"] = b"second"
    manifest = json.loads(version.outputs["run_manifest.json"])
    manifest["artefacts"]["b.bin"] = sha256(b"second").hexdigest()
    version.outputs["run_manifest.json"] = json.dumps(manifest).encode()
    version.outputs["b.bin"] = BAD_MANIFESTS[kind]
    with pytest.raises(KaggleError, match="not the file that the kernel wrote"):
        fetch_version(place.session, REF, 1, target)
    assert read_folder(target) == before


def test_verified_files_are_not_fetched_again(place: Place) -> None:
    finish(place, {"a.bin": b"first", "b.bin": b"second"})
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    (target / "b.bin").unlink()
    (target / "b.bin").write_bytes(b"edited")
    before = place.server.count("GET file")
    fetch_version(place.session, REF, 1, target)
    assert place.server.count("GET file") == before + 2, "the manifest and the edited file"
    assert (target / "b.bin").read_bytes() == b"second"


def test_two_fetches_of_one_version_at_once_both_succeed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {f"{number}.bin": bytes([number]) * 50_000 for number in range(20)}
    finish(place, outputs)
    target = place.work.locate_run(REF, 1)
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            fetch_version(place.session, REF, 1, target)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert place.server.count("GET file") == len(outputs) + len(threads), "each file once"
    assert {name: (target / name).read_bytes() for name in outputs} == outputs
    assert "another fetch of this version is under way" in capsys.readouterr().out


def test_fetch_that_was_killed_between_two_names_gives_the_old_folder_back(place: Place) -> None:
    finish(place, {"a.bin": b"first"})
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    before = read_folder(target)
    target.rename(target.with_name(".v1.old"))
    place.server.fail("ListKernelSessionOutput", code=400, message="not now")
    with pytest.raises(KaggleError, match="not now"):
        fetch_version(place.session, REF, 1, target)
    assert read_folder(target) == before


# Patterns


def test_pattern_fetches_those_files_alone_and_names_the_others(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {f"samples/{number:02d}.png": bytes([number]) for number in range(15)}
    finish(place, {**outputs, "a.csv": b"1", "deep/b.csv": b"2", "metrics.json": b'{"fid": 7}'})
    fetch_and_record(place.work, place.session, REF, 1, ["*.csv"])
    target = place.work.locate_run(REF, 1)
    assert list_files(target) == ["a.csv", "deep/b.csv", "run_manifest.json", f"{SLUG}.log"]
    assert place.server.count("GET file") == 3
    out = capsys.readouterr().out
    assert "not fetched: metrics.json, samples/00.png, " in out
    assert " and 6 more" in out


def test_pattern_adds_to_what_is_here(place: Place) -> None:
    finish(place, {"a.csv": b"1", "b.txt": b"2", "c.txt": b"3", "metrics.json": b'{"fid": 7}'})
    target = place.work.locate_run(REF, 1)
    fetch_and_record(place.work, place.session, REF, 1, ["metrics.json"])
    fetch_and_record(place.work, place.session, REF, 1, ["a.*", "b.*"])
    assert list_files(target) == [
        *("a.csv", "b.txt", "metrics.json", "run_manifest.json", f"{SLUG}.log")
    ]
    fetch_and_record(place.work, place.session, REF, 1)
    assert (target / "c.txt").read_bytes() == b"3"
    assert fold_events(place.work.read_ledger())[0].metrics["fid"] == 7


def test_pattern_adds_to_what_is_here_without_a_manifest(place: Place) -> None:
    outputs = {"a.csv": b"1", "b.txt": b"2", f"{SLUG}.log": b"its own\n", "gone.txt": b"3"}
    version = finish(place, outputs)
    del version.outputs["run_manifest.json"]
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target, ["a.csv", "gone.txt"])
    del version.outputs["gone.txt"]
    fetched = fetch_version(place.session, REF, 1, target, ["b.txt"])
    assert (fetched.files, fetched.unverified) == (2, ("a.csv", "b.txt"))
    assert fetched.left_out == (f"{SLUG}.log",)
    assert list_files(target) == ["a.csv", "b.txt", f"{SLUG}.kaggle.log"]
    version.outputs["run_manifest.json"] = b"{}"
    fetched = fetch_version(place.session, REF, 1, target, [f"{SLUG}.log"])
    assert fetched.unverified == ("a.csv", "b.txt", f"{SLUG}.log")
    assert (target / f"{SLUG}.log").read_bytes() == b"its own\n"
    assert [(target / name).read_bytes() for name in ("a.csv", "b.txt")] == [b"1", b"2"]


def test_chosen_file_is_verified(place: Place) -> None:
    version = finish(place, {"a.csv": b"1", "b.txt": b"2"})
    version.outputs["a.csv"] = b"forged"
    with pytest.raises(PipelineError, match=r"a\.csv is not the file that the kernel wrote"):
        fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1), ["*.csv"])


def test_pattern_of_no_file_is_a_mistake_that_names_some(place: Place) -> None:
    finish(place, {"a.csv": b"1"})
    with pytest.raises(InputError, match=r"no output file has such a name.*a\.csv.*\*\.npz"):
        fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1), ["*.npz"])
    assert place.server.count("GET file") == 0


def test_submit_fetches_what_the_folder_lacks(place: Place) -> None:
    from lib.commands.offline.submission_check import check_submission

    pushed = place.push()
    version = place.server.versions[REF][pushed.version - 1]
    version.outputs = make_outputs(place.work.find_push(REF, 1)["bundle_sha256"])
    fetch_and_record(place.work, place.session, REF, 1, ["metrics.json"])
    assert not (place.work.locate_run(REF, 1) / "submission.csv").exists()
    submit_and_record(place.work, place.session, REF, 1, "text", False, check_submission)
    assert len(place.server.submissions) == 1
    assert place.server.submissions[0]["content"] == version.outputs["submission.csv"]


# Names


@pytest.mark.parametrize(
    "names",
    [
        ["/".join("d" * 1 for _ in range(2000)) + "/x"],
        ["x" * 256],
        ["\u96ea" * 86],
        ["/".join(["y" * 200] * 6)],
        ["half \ud800"],
        ["a", "a/b"],
        ["A", "a/b"],
        ["a/b/c", "a/b"],
        ["a", "./a"],
        ["a//b", "a/b"],
        ["caf\u00e9", "cafe\u0301"],
        ["a\x00b"],
        ["a\u202eb"],
    ],
    ids=lambda names: ascii(names[0])[:20],
)
def test_name_that_suits_no_folder_is_refused_with_a_cure(place: Place, names: list[str]) -> None:
    version = finish(place, {"fine.csv": b"1"})
    version.outputs |= dict.fromkeys(names, b"x")
    target = place.work.locate_run(REF, 1)
    with pytest.raises(PipelineError, match="name that must not be written") as caught:
        fetch_version(place.session, REF, 1, target)
    assert "--file-pattern" in caught.value.cure
    assert len(str(caught.value)) < 700
    fetch_version(place.session, REF, 1, target, ["fine.csv"])
    assert (target / "fine.csv").read_bytes() == b"1"
    assert sorted(path.name for path in target.parent.iterdir()) == ["v1"]


def test_file_whose_name_is_not_chosen_never_reaches_the_disk(place: Place) -> None:
    version = finish(place, {"fine.csv": b"1"})
    target = place.work.locate_run(REF, 1)
    target.mkdir(parents=True)
    (target.parent / "outside").write_text("mine")
    version.outputs["../outside"] = b"x"
    manifest = json.loads(version.outputs["run_manifest.json"])
    manifest["artefacts"]["../outside"] = sha256(b"mine").hexdigest()
    version.outputs["run_manifest.json"] = json.dumps(manifest).encode()
    fetch_version(place.session, REF, 1, target, ["fine.csv"])
    assert (target.parent / "outside").read_text() == "mine"
    assert list_files(target) == ["fine.csv", "run_manifest.json", f"{SLUG}.log"]


def test_patterns_name_files_in_folders_too() -> None:
    files = [
        OutputFile(name, "") for name in ("a.png", "s/b.png", "s/t/c.txt", "run_manifest.json")
    ]
    chosen = choose_files(files, ["*.png", "s/t/*"], [])
    assert [file.name for file in chosen] == [file.name for file in files]
    check_names(files)


# Several at once


def test_nine_hundred_files_come_several_at_once(place: Place) -> None:
    outputs = {f"samples/{number:03d}.png": b"%d" % number for number in range(904)}
    finish(place, outputs)
    most, now, lock = 0, 0, threading.Lock()
    previous = place.server.find_output

    def count(*words: object) -> bytes:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.002)
        with lock:
            now -= 1
        return previous(*words)  # type: ignore[arg-type]

    place.server.find_output = count  # type: ignore[method-assign]
    target = place.work.locate_run(REF, 1)
    fetched = fetch_version(place.session, REF, 1, target)
    assert fetched.files == 905
    assert 2 <= most <= 8
    assert {name: (target / name).read_bytes() for name in outputs} == outputs


def test_expired_addresses_are_renewed_once_for_all(place: Place) -> None:
    outputs = {f"{number:02d}.bin": bytes([number]) for number in range(16)}
    finish(place, outputs)
    place.server.fail("GET file", code=403, skip=1)
    for _ in range(3):
        place.server.fail("GET file", code=403)
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    assert {name: (target / name).read_bytes() for name in outputs} == outputs


def test_one_file_that_cannot_be_had_ends_the_fetch_and_the_next_goes_on(place: Place) -> None:
    outputs = {f"{number:02d}.bin": bytes([number]) * 1000 for number in range(40)}
    version = finish(place, outputs)
    version.outputs["20.bin"] = b"forged"
    target = place.work.locate_run(REF, 1)
    with pytest.raises(KaggleError, match=r"20\.bin is not the file"):
        fetch_version(place.session, REF, 1, target)
    assert not target.exists()
    saved = len([name for name in os.listdir(target.with_name(".v1.part")) if ".bin" in name])
    version.outputs["20.bin"] = outputs["20.bin"]
    before = place.server.count("GET file")
    fetch_version(place.session, REF, 1, target)
    assert place.server.count("GET file") - before == 1 + len(outputs) - saved
    assert {name: (target / name).read_bytes() for name in outputs} == outputs
