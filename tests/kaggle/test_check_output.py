"""The file to submit of a project: only what was fetched goes out, as the project's check says."""

import os
import signal
from pathlib import Path

import pytest

from lib.base.errors import PipelineError
from lib.base.files import sha256_bytes
from lib.kaggle.projects.check_output import check_output
from lib.kaggle.workspace import ROOT, Workspace

REF = "ada/tiny-project"
CSV = b"id,x\n1,2\n"
CHECK = """
import os, sys

def environment(path):
    found = [name for name in os.environ if name.startswith("KAGGLE")]
    if found or "." in sys.path or os.getcwd() != os.path.dirname(__file__):
        raise ValueError(f"{found} {os.getcwd()}")

def as_text(path):
    return str(path).endswith("submission.csv") or 1 / 0

def loud(path):
    print("one\\ntwo \\x1b[2J", end="")
    sys.stderr.write("three")
    raise ValueError("line one\\nline two \\x9b2J " + "x" * 9999)

def silent(path):
    raise ValueError

def unicode(path):
    b"\\xff".decode()

def exits(path):
    sys.exit("bye")

def untrue(path):
    return False

def counts(path):
    return 2

async def waits(path):
    raise ValueError("never seen")

def yields(path):
    yield 1
    raise ValueError("never seen")

def forks(path):
    if os.fork() == 0:
        return
    os.wait()
    raise ValueError("of the parent")

def leaves_one(path):
    import subprocess, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open(path.with_name("pid"), "w").write(str(child.pid))

class Rule:
    @staticmethod
    def check(path):
        raise ValueError("by a class")
"""


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    work = Workspace(tmp_path, check="rules:environment", entry="main.py")
    (tmp_path / "rules.py").write_text(CHECK)
    folder = work.locate_run(REF, 1)
    folder.mkdir(parents=True)
    (folder / "submission.csv").write_bytes(CSV)
    work.record("push", REF, 1, bundle_sha256="b" * 64)
    work.record("fetch", REF, 1, submission_sha256=sha256_bytes(CSV))
    return work


def ask(work: Workspace, check: str | None = None) -> str:
    chosen = Workspace(work.root, check=work.check if check is None else check, entry=work.entry)
    return check_output(chosen, REF, 1, ["s3cr3t"]).contents


def test_a_check_sees_the_project_and_no_credentials(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "s3cr3t")
    before = sorted(work.root.rglob("*"))
    assert ask(work) == "accepted by rules:environment"
    assert ask(work, "rules:as_text") == "accepted by rules:as_text"
    assert sorted(work.root.rglob("*")) == before, "no __pycache__"
    assert "no run_manifest.json of the run lists submission.csv" in capsys.readouterr().out
    assert os.environ["KAGGLE_KEY"] == "s3cr3t"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("rules:silent", "rules:silent refuses submission.csv, got ValueError"),
        ("rules:unicode", "refuses submission.csv, got 'utf-8' codec"),
        ("rules:exits", "rules:exits failed on submission.csv, got SystemExit: bye"),
        ("rules:Rule.check", "rules:Rule.check refuses submission.csv, got by a class"),
        ("rules:forks", "rules:forks refuses submission.csv, got of the parent"),
        ("rules:untrue", "rules:untrue failed on submission.csv, got it returned False"),
        ("rules:waits", "rules:waits failed on submission.csv, got it returned a coroutine"),
        ("rules:yields", "rules:yields failed on submission.csv, got it returned a generator"),
    ],
)
def test_each_way_to_refuse_is_told(work: Workspace, check: str, words: str) -> None:
    with pytest.raises(PipelineError) as refused:
        ask(work, check)
    assert words in str(refused.value)
    assert refused.value.exit_code == 1


def test_what_a_check_returns_is_no_refusal_and_is_told(
    work: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(work, "rules:counts") == "accepted by rules:counts"
    assert "warning: it returned int, which refuses nothing" in capsys.readouterr().out


def test_a_process_that_a_check_leaves_behind_holds_nobody_up(work: Workspace) -> None:
    assert ask(work, "rules:leaves_one") == "accepted by rules:leaves_one"
    os.kill(int((work.locate_run(REF, 1) / "pid").read_text()), signal.SIGKILL)


def test_words_of_a_check_move_no_cursor(
    work: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PipelineError) as refused:
        ask(work, "rules:loud")
    shown = capsys.readouterr().out
    assert "check: one" in shown
    for text in (shown, str(refused.value)):
        assert not {"\x1b", "\x9b"} & set(text)
    assert "line one line two" in str(refused.value)
    assert len(str(refused.value)) < 700


def test_a_file_that_changed_since_the_fetch_does_not_go_out(work: Workspace) -> None:
    path = work.locate_run(REF, 1) / "submission.csv"
    path.write_bytes(CSV + b"2,3\n")
    with pytest.raises(PipelineError, match="is not the file that was fetched"):
        ask(work)
    work.record("fetch", REF, 1, submission_sha256=sha256_bytes(path.read_bytes()))
    ask(work)
    manifest = path.with_name("run_manifest.json")
    manifest.write_text('{"artefacts": {"submission.csv": "00"}}')
    with pytest.raises(PipelineError, match="is not the one that the kernel wrote"):
        ask(work)
    manifest.write_text('{"artefacts": []}')
    ask(work)
    path.unlink()
    with pytest.raises(PipelineError, match=r"left no submission.csv[\s\S]*submission = "):
        ask(work)


def test_an_empty_file_costs_no_submission(work: Workspace) -> None:
    (work.locate_run(REF, 1) / "submission.csv").write_bytes(b"")
    work.record("fetch", REF, 1, submission_sha256=sha256_bytes(b""))
    with pytest.raises(PipelineError, match=r"left an empty submission\.csv"):
        ask(work, "")


def test_a_fetch_of_an_older_version_recorded_no_hash(work: Workspace) -> None:
    work.record("fetch", REF, 1, status="COMPLETE")
    with pytest.raises(PipelineError, match=r"expected a hash in the ledger[\s\S]*fetches it anew"):
        ask(work)


def test_without_a_check_a_warning_is_said(
    work: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(work, "") == "9 bytes"
    assert "warning: the project names no check" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "refused"),
    [
        ("id,label\n1,yes\n2,no\n", ""),
        ("id,label\n\n1,yes\n2,no\n\n", ""),
        ("", "expected a head of id"),
        ("id,age\n1,4\n2,5\n", "expected a head of id"),
        ("id,label\n2,no\n1,yes\n", "expected the 2 rows of test.csv"),
        ("id,label\n1,yes\n", "expected the 2 rows of test.csv"),
        ("id,label\n1,yes\n2,\n", "no prediction in 1 of 2 rows, the first is 2"),
        ("id,label\n1\n2,no\n", "no prediction in 1 of 2 rows, the first is 1"),
    ],
)
def test_check_of_a_new_project_takes_its_rows_alone(
    tmp_path: Path, written: str, refused: str
) -> None:
    """A line without cells, as editors leave at the end, was an IndexError."""
    skeleton = ROOT / "kernel_template" / "skeletons" / "script" / "check_submission.py"
    (tmp_path / "check_submission.py").write_bytes(skeleton.read_bytes())
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "test.csv").write_text("id,age\n1,4\n2,5\n\n")
    work = Workspace(tmp_path, check="check_submission:check", entry="kernel.py")
    folder = work.locate_run(REF, 1)
    folder.mkdir(parents=True)
    (folder / "submission.csv").write_text(written)
    work.record("fetch", REF, 1, submission_sha256=sha256_bytes(written.encode()))
    if not refused:
        assert "accepted by check_submission:check" in ask(work)
        return
    with pytest.raises(PipelineError, match=f"refuses submission.csv, got {refused}"):
        ask(work)
