"""runs/ledger.jsonl: nothing is lost, a torn line is repaired, the table puts the best first."""

import fcntl
import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import InputError, PipelineError
from lib.commands.on_kaggle.runs import compare_runs, list_runs
from lib.kaggle.ledger import LEDGER, append_event, read_events
from lib.kaggle.runs_table import fold_events, rank_runs
from lib.kaggle.workspace import Workspace
from tests.kaggle_place import METADATA

REF = "ada/tiny-test-kernel"
_WRITER = """
import sys
from pathlib import Path
from lib.kaggle.ledger import append_event
for number in range(100):
    append_event(Path(sys.argv[1]), "status", "ada/" + sys.argv[2], number, padding="x" * 500)
"""


def test_events_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "ledger.jsonl"
    assert read_events(path) == []
    append_event(path, "push", REF, 1, recipe="pixel", config={"lr": 1e-4})
    append_event(path, "status", REF, 1, status="COMPLETE", minutes=math.nan)
    first, second = read_events(path)
    assert (first["event"], first["ref"], first["version"]) == ("push", REF, 1)
    assert first["config"] == {"lr": 1e-4}
    assert second["minutes"] is None
    assert path.read_text().count("\n") == 2


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    words = [sys.executable, "-c", _WRITER, str(path)]
    root = Path(__file__).resolve().parents[2]
    writers = [subprocess.Popen([*words, name], cwd=root) for name in ("one", "two")]
    assert [writer.wait() for writer in writers] == [0, 0]
    events = read_events(path)
    for name in ("ada/one", "ada/two"):
        assert [event["version"] for event in events if event["ref"] == name] == list(range(100))


def test_line_that_another_process_is_writing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append_event(path, "push", REF, 1)
    whole = path.read_bytes().replace(b'"version": 1', b'"version": 2')
    words = [sys.executable, "-c", _WRITER, str(path), "one"]
    with path.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(whole[:30])
        with subprocess.Popen(words, cwd=Path(__file__).resolve().parents[2]) as other:
            time.sleep(0.5)
            file.write(whole[30:])
            fcntl.flock(file, fcntl.LOCK_UN)
    assert other.returncode == 0
    assert [event["version"] for event in read_events(path)] == [1, 2, *range(100)]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_torn_last_line_is_repaired(
    tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.jsonl"
    for version in (1, 2):
        append_event(path, "push", REF, version)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    kept = 2 if cut == 1 else 1  # only the line's end was lost
    assert [event["version"] for event in read_events(path)] == [1, 2][:kept]
    append_event(path, "push", REF, 3)
    assert [event["version"] for event in read_events(path)] == [*[1, 2][:kept], 3]
    assert ("cut off a torn last line" in capsys.readouterr().out) == (cut > 1)
    assert path.read_bytes().startswith(whole.splitlines(keepends=True)[0])


def test_broken_line_in_the_middle_is_named_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.jsonl"
    append_event(path, "push", REF, 1)
    with path.open("ab") as file:
        file.write(b'{"event": 5}\nnot json\n')
    append_event(path, "push", REF, 2)
    assert [event["version"] for event in read_events(path)] == [1, 2]
    assert capsys.readouterr().out == "", "one command reads the ledger many times"
    read_events(path, tell=True)
    assert "line 2" in capsys.readouterr().out
    assert b"not json" in path.read_bytes()


@pytest.mark.parametrize(
    "facts",
    [
        {"minutes": "long", "fid": [], "public": 5, "status": 7},
        {"time": 5, "overrides": [1, None], "commit": None, "changed": "x", "config": None},
        {"faults": 3, "recipe": ["a"], "source_sha256": 5},
    ],
    ids=str,
)
def test_odd_values_of_a_ledger_edited_by_hand_are_shown_all_the_same(
    tmp_path: Path, facts: dict[str, object]
) -> None:
    work = make_work(tmp_path)
    for event in ("push", "status", "fetch", "score"):
        append_event(tmp_path / LEDGER, event, REF, 1, **facts)
    assert len(list_runs(work).splitlines()) >= 2
    assert compare_runs(work, "1", "1").startswith(f"--- {REF} version 1")


@pytest.mark.parametrize("ref", ["", "one", "a/b/c", "a b/c", "/", 7, None])
def test_line_of_no_kernel_is_no_event(tmp_path: Path, ref: object) -> None:
    line = json.dumps({"event": "push", "ref": ref, "version": 1}) + "\n"
    (tmp_path / "ledger.jsonl").write_text(line + "[" * 200_000 + "\n")
    assert read_events(tmp_path / "ledger.jsonl") == []


def test_ledger_that_cannot_be_read_or_written_is_told_with_a_cure(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.mkdir()
    with pytest.raises(PipelineError, match=r"cannot be read[\s\S]*cure: mend its rights"):
        read_events(path)
    with pytest.raises(PipelineError, match=r"cannot be recorded[\s\S]*nothing is repeated"):
        append_event(path, "push", REF, 1)


def test_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A limit on the file's size stands in for the disk's: both take a part of a line and fail."""
    path = tmp_path / "ledger.jsonl"
    append_event(path, "push", REF, 1)
    whole = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
    try:
        with pytest.raises(PipelineError, match=r"cannot be recorded[\s\S]*cure: make room"):
            append_event(path, "push", REF, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == whole
    append_event(path, "push", REF, 2)
    assert [event["version"] for event in read_events(path)] == [1, 2]


@settings(deadline=None)  # each example waits for the disk
@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_and_appended_to(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        path.write_bytes(content)
        before = read_events(path)
        append_event(path, "push", REF, 1)
        assert [*before, read_events(path)[-1]] == read_events(path)


def push(path: Path, version: int, **facts: object) -> None:
    digest = f"{version}" * 64
    values = {
        "bundle_sha256": digest,
        "source_sha256": digest,
        "commit": "c" * 40,
        "recipe": "pixel",
    }
    append_event(path, "push", REF, version, **{**values, "overrides": [], "config": {}, **facts})


def make_work(folder: Path) -> Workspace:
    (folder / "kernel-metadata.json").write_text(json.dumps(METADATA))
    return Workspace(folder)


def test_best_run_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    work = make_work(tmp_path)
    path = tmp_path / "runs" / "ledger.jsonl"
    for version in range(1, 6):
        push(path, version)
    append_event(path, "score", REF, 2, public="9.5", private="9.75")
    append_event(path, "fetch", REF, 1, fid=2.0, floor=1.5, minutes=12.25)
    append_event(path, "fetch", REF, 3, fid=1.0, floor=1.5)
    append_event(path, "score", REF, 4, public="10.5", private="")
    append_event(path, "status", REF, 5, status="ERROR")
    append_event(path, "status", REF, 99, status="COMPLETE")  # pushed elsewhere
    runs = rank_runs(fold_events(work.read_ledger()), "low", "fid")
    assert [run.version for run in runs] == [2, 4, 3, 1, 5]
    assert (runs[3].read("fid"), runs[3].read("floor"), runs[3].minutes) == (2.0, 1.5, 12.25)
    lines = list_runs(work).splitlines()
    columns = (
        "kernel version commit bundle recipe overrides status minutes FID floor "
        "beside best public private"
    )
    assert lines[0].split() == columns.split()
    assert lines[1].split()[-3:] == ["-", "9.5", "9.75"]
    assert lines[3].split()[-5:] == ["50", "%", "better", "-", "-"]  # version 3 beside version 1
    assert lines[4].split()[-3:] == ["first", "-", "-"]
    assert len({len(line.rstrip()) for line in lines[1:]}) <= 3
    assert "ERROR" in lines[5]


def test_empty_ledger_says_what_to_do(tmp_path: Path) -> None:
    assert "build.py push" in list_runs(make_work(tmp_path))


def test_diff_shows_configuration_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    work = make_work(tmp_path)
    path = tmp_path / "runs" / "ledger.jsonl"
    push(path, 1, config={"lr": 1e-4, "seed": 0})
    push(path, 2, config={"lr": 2e-4, "seed": 0}, machine_shape="NvidiaL4")
    push(path, 3, changed=["lib/kernel/metrics/fid.py"])
    block = "CONFIG = {{\n    'lr': {0},\n}}\n"
    texts = {1: "a\nb\nc\n", 2: "a\nB\nc\n", 3: "a\nb\nc\n"}
    for version, body in texts.items():
        text = f"# content sha256 (of this): {version}\n{block.format(version)}{body}"
        source = work.locate_source(f"{version}" * 64)
        source.parent.mkdir(exist_ok=True)
        source.write_text(text)
    text = compare_runs(work, "1", "v2")
    assert "lr: 0.0001 against 0.0002" in text
    assert "machine_shape: None against 'NvidiaL4'" in text
    assert "seed" not in text
    assert text.endswith("  -b\n  +B\n   c")
    assert compare_runs(work, "1", "3").endswith("the same but for CONFIG")
    assert "ccccccc+" in list_runs(work)
    assert "the same script" in compare_runs(work, "1", "tiny-test-kernel/1")
    with pytest.raises(InputError, match="no such push"):
        compare_runs(work, "1", "7")


@pytest.mark.parametrize("text", ["x", "0", "1.5", "-1", "a/b/3", "v", ""])
def test_version_that_cannot_be_read_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        make_work(tmp_path).choose_version(text)


def test_version_left_out_is_the_last_push(tmp_path: Path) -> None:
    work = make_work(tmp_path)
    with pytest.raises(InputError, match=r"build\.py push"):
        work.choose_version(None)
    for version in (3, 4):
        push(tmp_path / "runs" / "ledger.jsonl", version)
    assert work.choose_version(None) == (REF, 4)
    assert work.choose_version("other-kernel/2") == ("ada/other-kernel", 2)
