"""Programs that are no kernel of this repository, through the whole loop by the typed commands."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.kaggle.runs_table import RUN_KEYS
from tests.kaggle_prompt import Prompt
from tests.kaggle_server import KaggleServer
from tests.kaggle_state import COMPETITION

METADATA = {
    "id": "ada/tiny-project",
    "title": "Tiny Project",
    "code_file": "build/main.py",
    "language": "python",
    "kernel_type": "script",
    "is_private": True,
    "enable_gpu": False,
    "enable_tpu": False,
    "enable_internet": False,
    "competition_sources": [COMPETITION],
    "dataset_sources": [],
    "kernel_sources": [],
    "model_sources": [],
}
MAIN = """
import json, pathlib
from helper import ROWS
pathlib.Path("submission.csv").write_text("id,x\\n" + "".join(f"{i},{i}\\n" for i in range(ROWS)))
pathlib.Path("metrics.json").write_text(json.dumps({"loss": 0.00351, "note": "a\\x1b[31mb"}))
print("made", ROWS, flush=True)
"""
CHECK = """
import sys
sys.path.append("left behind")
from lib import LIMIT  # the project's own, not the repository's

def verify(path):
    print("looking at", path.name)
    rows = len(path.read_text().splitlines()) - 1
    if rows != LIMIT:
        raise ValueError(f"expected {LIMIT} rows,\\x1b[31m got {rows}")

def divide(path):
    return 1 / 0

def leave(path):
    import os
    os._exit(0)

TEN = 10
"""


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    """A prompt whose Kaggle runs what is pushed."""
    server = KaggleServer(tmp_path / "kaggle")
    server.pending_polls = 0
    prompt = Prompt(tmp_path, server)
    prompt.environment["COLUMNS"] = "100"
    yield prompt
    server.close()
    assert not server.connects, "something tried to leave the machine"


@pytest.fixture
def project(prompt: Prompt) -> Path:
    """A small project below the repository's folder, whose package is called lib."""
    folder = prompt.root / "mine"
    files = {
        "src/main.py": MAIN,
        "src/helper.py": "ROWS = 3\n",
        "rules.py": CHECK,
        "lib/__init__.py": "LIMIT = 3\n",
        "kernel-metadata.json": json.dumps(METADATA),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_table(folder)
    return folder


def write_table(folder: Path, **changes: str) -> None:
    """A project's folder -> its table, with these lines instead of the usual ones."""
    usual = {"check": '"rules:verify"', "columns": '["loss", "note"]', "settle_seconds": "1"}
    lines = [f"{key} = {value}" for key, value in {**usual, **changes}.items()]
    (folder / "pyproject.toml").write_text("\n".join(["[tool.kernelpress]", *lines]) + "\n")


def read_pushes(folder: Path) -> list[dict[str, Any]]:
    """A project's folder -> the pushes in its ledger."""
    lines = (folder / "runs" / "ledger.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "push"]


ENTRY = ("--entry", "mine/src/main.py")


def test_any_program_goes_through_the_whole_loop(prompt: Prompt, project: Path) -> None:
    pushed = prompt.build("push", *ENTRY, "--wait", "--json")
    facts = json.loads(pushed.splitlines()[0])
    assert (facts["ref"], facts["version"], facts["status"]) == ("ada/tiny-project", 1, "COMPLETE")
    assert "  | made 3" in pushed
    (version,) = prompt.server.versions["ada/tiny-project"]
    assert version.request["text"] == (project / "build" / "main.py").read_text()
    assert "ROWS = 3" in version.request["text"]
    fetched = prompt.build("fetch", *ENTRY)
    assert "not verified: the program left no run_manifest.json" in fetched
    assert f"submit tiny-project/1 -m TEXT --entry {ENTRY[1]}" in fetched
    before = sorted(path for path in project.rglob("*") if "runs" not in path.parts)
    sent = prompt.build("submit", *ENTRY, "-m", "first")
    assert "check: looking at submission.csv" in sent
    assert "accepted by rules:verify" in sent
    assert sorted(path for path in project.rglob("*") if "runs" not in path.parts) == before
    (submission,) = prompt.server.submissions
    assert submission["content"] == version.outputs["submission.csv"]
    table = prompt.build("runs", *ENTRY).splitlines()
    assert table[0].split()[-4:] == ["loss", "note", "public", "private"]
    assert {"0.00351", "COMPLETE"} <= set(table[1].split())
    assert max(map(len, table)) <= 100
    (row,) = json.loads(prompt.build("runs", *ENTRY, "--json"))
    assert row["metrics"]["loss"] == 0.00351
    assert (row["verified"], row["submission"]) == (False, "COMPLETE")
    (line,) = csv.DictReader(io.StringIO(prompt.build("runs", *ENTRY, "--export", "csv")))
    assert (line["loss"], line["version"], line["verified"]) == ("0.00351", "1", "false")
    assert (project / "runs" / "ledger.jsonl").is_file()
    assert not (prompt.root / "runs").exists(), "the repository's own loop is not touched"
    assert not (prompt.root / "build").exists()


def test_what_the_check_refuses_is_not_submitted(prompt: Prompt, project: Path) -> None:
    (project / "lib" / "__init__.py").write_text("LIMIT = 4\n")
    prompt.build("push", *ENTRY, "--wait")
    words = ("submit", *ENTRY, "-m", "x")
    refused = prompt.build(*words, code=1)
    assert "rules:verify refuses submission.csv, got expected 4 rows," in refused
    assert "\x1b" not in refused
    failed = prompt.build(*words, "--check", "rules:divide", code=1)
    assert "rules:divide failed on submission.csv, got ZeroDivisionError: division by" in failed
    left = prompt.build(*words, "--check", "rules:leave", code=1)
    assert "ended without an answer, exit code 0" in left
    assert prompt.server.submissions == []
    path = project / "runs" / "tiny-project" / "v1" / "submission.csv"
    path.write_text(path.read_text() + "3,3\n")  # as the check wants it, but the run left three
    assert "refuses submission.csv" in prompt.build(*words, code=1)
    (project / "lib" / "__init__.py").write_text("LIMIT = 3\n")
    assert "public score" in prompt.build(*words)


CHECKS = {
    "rule:verify": "there is no module rule in the project's folder",
    "rules:verfy": "did you mean 'verify'?",
    "rules:TEN": "TEN of rules is no function, got int",
    "broken:verify": "broken cannot be imported, got ModuleNotFoundError: No module named",
    "faulty:verify": "faulty cannot be imported, got SyntaxError",
    "rules": 'expected a text "module:function"',
}


def test_a_check_that_is_none_is_told_before_the_push(prompt: Prompt, project: Path) -> None:
    (project / "broken.py").write_text("import no_such_module\n")
    (project / "faulty.py").write_text("def verify(:\n")
    for check, words in CHECKS.items():
        write_table(project, check=json.dumps(check))
        refused = prompt.build("push", *ENTRY, code=2)
        assert words in refused
        assert "cure: " in refused
    assert prompt.server.versions == {}


def test_json_tells_of_a_run_that_failed_too(prompt: Prompt, project: Path) -> None:
    (project / "src" / "main.py").write_text("print('begun', flush=True)\nraise SystemExit(3)\n")
    prompt.build("push", *ENTRY)
    for name in ("watch", "fetch"):
        told = prompt.build(name, *ENTRY, "--json", code=1)
        assert json.loads(told.splitlines()[0])["status"] == "ERROR"
        assert "ended as ERROR" in told
    assert "ended as ERROR" in prompt.build("submit", *ENTRY, "-m", "x", code=1)


def test_a_file_in_a_folder_goes_out_by_its_whole_name(prompt: Prompt, project: Path) -> None:
    """A code submission named out/scores.csv as scores.csv, which no version holds."""
    main = project / "src" / "main.py"
    text = main.read_text().replace('"submission.csv"', '"out/scores.csv"')
    main.write_text(f"import os\nos.mkdir('out'){text}")
    write_table(project, submission='"out/scores.csv"')
    prompt.build("push", *ENTRY, "--wait")
    told = prompt.build("submit", *ENTRY, "--kernel", "-m", "x" * 201, code=2)
    assert "at most 200 characters, got 201" in told
    prompt.build("submit", *ENTRY, "--kernel", "-m", "x" * 200)
    prompt.build("submit", *ENTRY, "-m", "the file")
    by_code, by_file = prompt.server.submissions
    assert (by_code["fileName"], by_file["fileName"]) == ("out/scores.csv", "scores.csv")
    assert by_code["content"] == by_file["content"]


def test_a_version_is_saved_without_a_run(prompt: Prompt, project: Path) -> None:
    words = ("push", *ENTRY, "--no-run")
    told = prompt.build(*words, "--json")
    assert json.loads(told.splitlines()[0])["status"] == "SAVED"
    assert "saved and not run: start it at https://www.kaggle.com/code/ada/tiny-project" in told
    (version,) = prompt.server.versions["ada/tiny-project"]
    assert (version.request["kernelExecutionType"], version.events) == ("QUICK_SAVE", [])
    assert "leave out --wait" in prompt.build(*words, "--wait", code=2)
    assert "SAVED" in prompt.build("runs", *ENTRY)


def test_options_stand_above_the_table_and_are_kept(prompt: Prompt, project: Path) -> None:
    (project / "kernel-metadata.json").write_text(
        json.dumps({**METADATA, "competition_sources": []})
    )
    write_table(project, competition='"another-one"', check='"rules:divide"')
    words = ("--competition", COMPETITION, "--check", "rules:verify")
    told = prompt.build("push", *ENTRY, *words, "--exclude", "nothing*", "--wait")
    assert f"attaches the competition {COMPETITION}, which --competition names" in told
    (version,) = prompt.server.versions["ada/tiny-project"]
    assert version.request["competitionDataSources"] == [COMPETITION]
    sent = prompt.build("submit", *ENTRY, "-m", "as pushed")
    assert f"to {COMPETITION}" in sent
    assert "accepted by rules:verify" in sent


def test_options_of_both_kinds_at_once_are_a_mistake(prompt: Prompt, project: Path) -> None:
    assert "got --recipe" in prompt.build("push", *ENTRY, "--recipe", "pixel", code=2)
    assert "got --include" in prompt.build("push", "--include", "x", code=2)
    assert "go with --entry" in prompt.build("submit", "-m", "x", "--check", "a:b", code=2)
    assert "no folder above" in prompt.build("runs", "--entry", "/proc/self/status", code=2)
    assert prompt.server.versions == {}


def test_an_entry_that_leads_elsewhere_is_named_within_its_project(
    prompt: Prompt, project: Path
) -> None:
    (prompt.root / "other").mkdir()
    shutil.copy(project / "kernel-metadata.json", prompt.root / "other")
    shared = prompt.root / "shared"
    shutil.move(project / "src", shared)
    (project / "main.py").symlink_to("../shared/main.py")
    prompt.build("push", "--entry", "other/../mine/main.py", "--path", "shared")
    (event,) = read_pushes(project)
    assert event["entry"] == "main.py"
    assert sorted(path.name for path in (prompt.root / "other").iterdir()) == [
        "kernel-metadata.json"
    ]
    (version,) = prompt.server.versions["ada/tiny-project"]
    assert "ROWS = 3" in version.request["text"]
    assert str(prompt.root) not in version.request["text"]
    outside = prompt.root.parent / "x.py"
    outside.write_text("")
    told = prompt.build("push", "--entry", "mine/../../x.py", code=2)
    assert "no folder above the entry holds kernel-metadata.json" in told
    assert "cure: " in told


def test_cures_of_a_command_with_an_entry_act_on_its_project(prompt: Prompt, project: Path) -> None:
    (project / "src" / "main.py").write_text("raise SystemExit(3)\n")
    prompt.server.fail("SaveKernel", code=404, message="it is not there")
    told = prompt.build("push", *ENTRY, code=1)
    assert f"the version: python build.py runs --entry {ENTRY[1]}" in told
    prompt.build("push", *ENTRY)
    for more in ((), ("--json",)):
        told = prompt.build("watch", *ENTRY, *more, code=1)
        cure = f"python build.py fetch --entry {ENTRY[1]} tiny-project/1"
        assert f"{cure} saves what is there" in told
    assert not (project / "runs" / "tiny-project").exists()
    prompt.build(*cure.split()[2:], code=1)
    assert (project / "runs" / "tiny-project" / "v1").is_dir()
    told = prompt.build("runs", *ENTRY, "--diff", "1", "9", code=2)
    assert f"python build.py runs --entry {ENTRY[1]} lists all" in told


def test_doctor_has_no_cure_where_push_finds_nothing(prompt: Prompt, project: Path) -> None:
    shutil.rmtree(project / "lib")  # the folders of a kernel of this repository are not there
    (project / "rules.py").unlink()
    write_table(project, check='""')
    (project / "pyproject.toml").unlink()
    prompt.commit()
    (project / "README.md").write_text("in no commit")
    prompt.build("push", *ENTRY)
    quota = {"timeUsed": "108000s", "totalTimeAllowed": "108000s"}
    prompt.server.fail("GetAcceleratorQuotaStatistics", answer={"gpuQuota": quota}, times=9)
    told = prompt.build("doctor", *ENTRY, code=0)
    assert "gpu hours    0.0 of 30.0" in told
    (project / "src" / "helper.py").write_text("ROWS = 4\n")
    told = prompt.build("doctor", *ENTRY, code=1)
    assert "1 source file in no commit, first mine/src/helper.py" in told
    assert "helper.py" in prompt.build("push", *ENTRY, code=2)
    assert "weekly reset" not in told
    fields = {**METADATA, "enable_gpu": True, "machine_shape": "NvidiaTeslaT4"}
    (project / "kernel-metadata.json").write_text(json.dumps(fields))
    assert "wait for the weekly reset" in prompt.build("doctor", *ENTRY, code=1)


def test_a_script_of_new_goes_through_the_whole_loop(prompt: Prompt) -> None:
    prompt.build("new", "house-prices", "--kind", "script")
    home, entry = prompt.root / "house-prices", ("--entry", "house-prices/kernel.py")
    prompt.server.competitions["house-prices"] = home / "input"
    refused = prompt.build("push", *entry, code=2)
    assert "init --owner NAME --entry house-prices/kernel.py" in refused
    prompt.build("init", *entry, "--owner", "ada")
    prompt.build("push", *entry)
    ended = json.loads(prompt.build("watch", *entry, "--json").splitlines()[0])
    assert (ended["status"], ended["folder"]) == ("COMPLETE", None)
    assert set(ended) == {*RUN_KEYS, "folder"}
    assert "1 files" in prompt.build("fetch", *entry)
    sent = prompt.build("submit", *entry, "-m", "first try")
    assert "accepted by check_submission:check" in sent
    (submission,) = prompt.server.submissions
    assert re.fullmatch(rb"id,target\n(\d+,[01]\n){40}", submission["content"])
    table = prompt.build("runs", *entry)
    assert "house-prices-one-file" in table
    assert not (prompt.root / "build").exists()
    shutil.rmtree(home / "input")
