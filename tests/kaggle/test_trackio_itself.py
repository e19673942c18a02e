"""`runs --export trackio` into the real trackio, which its own reader and command line read back.

`make trackio` runs this file, in an environment that has the package.
"""

import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib.base.tensor_files import write_state
from lib.commands.on_kaggle.training_history import STATE
from lib.kaggle.ledger import LEDGER, append_event
from tests.kaggle_place import METADATA
from tests.local_runs import copy_sources

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trackio") is None,
    reason="trackio is not installed: make trackio brings it into an environment of its own",
)
ROOT = Path(__file__).parents[2]
REF = "ada/tiny-test-kernel"
PROJECT = "tiny-test-kernel"
# Calls build.py and notes each name that is asked of the network, each connection, each port, and
# each file that is written.
WATCHER = """
import os, runpy, sys
noted = []
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        noted.append(f"{event} {args[1:]}")
    elif event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR):
        noted.append("written " + os.path.abspath(args[0]))
    elif event in ("sqlite3.connect", "os.mkdir"):
        noted.append("written " + os.path.abspath(os.fsdecode(args[0])))
sys.addaudithook(watch)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.getcwd())
try:
    runpy.run_path("build.py", run_name="__main__")
finally:
    lines = [line for line in noted if line != "written /dev/null"]
    print(*lines, sep="\\n", file=open(os.environ["NOTED"], "w"))
"""
# What trackio's own interface holds of a project, as JSON.
READER = """
import json, sys
import trackio
from trackio.sqlite_storage import SQLiteStorage
found = {}
for run in trackio.Api().runs(sys.argv[1]):
    logs = SQLiteStorage.get_logs(sys.argv[1], run.name, run_id=run.id)
    found.setdefault(run.name, []).append({"id": run.id, "config": run.config, "logs": logs})
print(json.dumps(found))
"""
# What somebody else keeps in the same project.
STRANGER = """
import trackio
run = trackio.init(project="tiny-test-kernel", name="v1", config={"mine": 1}, embed=False,
                   auto_log_gpu=False, auto_log_cpu=False)
run.log({"loss": 0.5}, step=0)
run.finish()
"""


class Place:
    """A project with a ledger, and a folder for trackio."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.store = folder, folder / "project", folder / "trackio"
        self.root.mkdir()
        (self.root / "x.py").write_text("print(1)\n")
        (self.root / "kernel-metadata.json").write_text(json.dumps({**METADATA, "id": REF}))
        columns = '[tool.kernelpress]\ncolumns = ["loss", "note"]\nbest = "low"\n'
        (self.root / "pyproject.toml").write_text(columns)

    def tell(self, event: str, version: int, ref: str = REF, **facts: Any) -> None:
        append_event(self.root / LEDGER, event, ref, version, **facts)

    def fill(self, versions: int = 3, steps: int = 4) -> None:
        """Record versions that were pushed, fetched and scored, each with a curve."""
        for version in range(1, versions + 1):
            self.tell("push", version, label="x.py", entry="x.py", commit="c0" * 20, changed=["a"])
            columns = {"loss": 1 / version, "note": "fine\x1b[2J"}
            self.tell("fetch", version, metrics=columns, minutes=version + 0.5, status="COMPLETE")
            folder = self.root / "runs" / PROJECT / f"v{version}"
            folder.mkdir(parents=True, exist_ok=True)
            history = [{"step": 10 * n, "loss": 1 / (n + version)} for n in range(1, steps + 1)]
            (folder / "metrics.json").write_text(json.dumps({"loss": 1, "history": history}))
        self.tell("score", 1, public="0.75", private="nan")

    def run(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        passed_on = ("PATH", "LANG", "TRACKIO_BUCKET_ID", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")
        kept = {key: os.environ[key] for key in passed_on if key in os.environ}
        own = {"HOME": str(self.folder), "TRACKIO_DIR": str(self.store)}
        own |= {"NOTED": str(self.folder / "noted"), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *words],
            **{"cwd": ROOT, **more},
            env={**kept, **own},
            capture_output=True,
            text=True,
            check=False,
        )

    def export(self, **more: Any) -> subprocess.CompletedProcess[str]:
        words = ("runs", "--entry", str(self.root / "x.py"), "--export", "trackio")
        return self.run("-c", WATCHER, "build.py", *words, **more)

    def read(self, project: str = PROJECT) -> dict[str, list[dict[str, Any]]]:
        ended = self.run("-c", READER, project)
        assert ended.returncode == 0, ended.stderr
        return dict(json.loads(ended.stdout))

    def ask(self, *words: str) -> Any:
        """Words for trackio's command line -> what it prints as JSON."""
        code = "import sys; from trackio.cli import main; sys.argv[0] = 'trackio'; main()"
        ended = self.run("-c", code, *words, "--project", PROJECT, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_trackio_gives_back_runs_settings_and_curves(place: Place) -> None:
    place.fill()
    ended = place.export()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        f"runs: 3 written, 0 there already: {place.store / PROJECT}.db",
        f"runs: to look at them: trackio show --project {PROJECT}",
    ]
    found = place.read()
    assert list(found) == ["v1", "v2", "v3"], "in the order of their pushes"
    ((first,), (second,), _) = found.values()
    told = {"commit": "c0" * 20, "version": 1, "note": "fine?[2J", "changed": "a", "verified": True}
    assert told.items() <= first["config"].items()
    last = {"minutes": 1.5, "loss": 1.0, "public": 0.75}
    steps = [{"train/loss": 1 / (n + 1), "step": 10 * n} for n in range(1, 5)]
    logs = [{k: v for k, v in log.items() if k != "timestamp"} for log in first["logs"]]
    assert logs == [*steps, {**last, "step": 40}]
    assert len({log["timestamp"] for log in first["logs"]}) == 1
    assert first["logs"][0]["timestamp"] < second["logs"][0]["timestamp"]


def test_trackio_s_command_line_lists_them(place: Place) -> None:
    place.fill()
    place.tell("push", 4, variants=[{"name": "low", "lr": 1}, {"name": "high", "lr": 2}])
    assert place.export().returncode == 0
    names = ["v1", "v2", "v3", "v4/high", "v4/low"]
    assert sorted(place.ask("list", "runs")["runs"]) == names
    shown = place.ask("get", "run", "--run", "v4/low")
    assert (shown["config"]["lr"], shown["metrics"]) == (1, [])
    shown = place.ask("get", "metric", "--run", "v2", "--metric", "loss")
    assert [each["value"] for each in shown["values"]] == [0.5]


def test_twice_gives_the_same_and_news_replace_what_was_there(place: Place) -> None:
    place.fill()
    place.export()
    before = place.read()
    ended = place.export()
    assert "runs: 0 written, 3 there already: " in ended.stdout
    assert place.read() == before
    place.tell("score", 2, public="0.5", private="0.25")
    place.tell("push", 4, label="x.py")
    ended = place.export()
    assert "runs: 2 written, 2 there already: " in ended.stdout
    after = place.read()
    assert {name: len(runs) for name, runs in after.items()} == dict.fromkeys(
        ["v1", "v2", "v3", "v4"], 1
    )
    assert after["v1"] == before["v1"]
    (second,) = after["v2"]
    assert (second["logs"][-1]["public"], second["logs"][-1]["private"]) == (0.5, 0.25)


def test_runs_of_others_in_the_project_stay(place: Place) -> None:
    place.fill(1)
    assert place.run("-c", STRANGER).returncode == 0
    place.export()
    place.tell("score", 1, public="0.5")
    place.export()
    found = place.read()
    assert sorted(each["config"].get("mine", 0) for each in found["v1"]) == [0, 1]


@pytest.mark.parametrize("is_told_of_servers", [False, True])
def test_it_asks_no_network_and_writes_into_trackio_s_folder_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, is_told_of_servers: bool
) -> None:
    for name in ("BUCKET_ID", "SPACE_ID") if is_told_of_servers else ():
        monkeypatch.setenv(f"TRACKIO_{name}", "ada/runs")
    place.fill()
    assert place.export().returncode == 0
    noted = (place.folder / "noted").read_text().split()
    assert f"{place.store / PROJECT}.db" in noted
    places = {word for word in noted if word not in ("written", str(place.folder / "noted"))}
    left = {each for each in places if not each.startswith(str(place.store))}
    assert not [each for each in left if not each.startswith("/") or Path(each).exists()], left


def _limit(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_ends_it_with_two_lines_and_the_same_command_completes_it(
    place: Place,
) -> None:
    place.fill(12, steps=400)
    place.export()
    whole = place.read()
    size = (place.store / f"{PROJECT}.db").stat().st_size
    shutil.rmtree(place.store)
    for part in (0, 0.02, 0.5):
        ended = place.export(preexec_fn=_limit(int(size * part)))
        assert ended.returncode == 1
        lines = ended.stderr.splitlines()
        assert len(lines) == 2, ended.stderr
        what = "could not take all runs: " if part else "cannot be imported"  # it needs /tmp
        assert lines[0].startswith(f"error: runs: trackio {what}")
        assert "run the same command again" in lines[1]
    left = place.read()
    assert 0 < len(left) < len(whole)
    assert all(left[name] == whole[name] for name in left), "each is there as a whole"
    assert place.export().returncode == 0
    assert place.read() == whole


@pytest.mark.parametrize("name", ["", f"{PROJECT}.db"])
def test_a_file_that_is_none_of_trackio_s_is_named(place: Place, name: str) -> None:
    place.fill(1)
    path = place.store / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("no database at all\n" * 100)
    ended = place.export()
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 2
    assert path.read_text() == "no database at all\n" * 100


def test_a_name_that_trackio_keeps_for_itself_is_told(place: Place) -> None:
    (place.root / "kernel-metadata.json").write_text(
        json.dumps({**METADATA, "id": "ada/registry-kernel"})
    )
    place.fill(1)
    ended = place.export()
    assert ended.returncode == 1
    assert "registry" in ended.stderr.splitlines()[0]


def test_this_repository_s_kernel_needs_no_entry_and_has_its_checkpoint_s_curves(
    place: Place,
) -> None:
    sources = copy_sources(place.folder / "sources")
    fields = json.loads((sources / "kernel-metadata.json").read_text())
    (sources / "kernel-metadata.json").write_text(json.dumps({**fields, "id": REF}))
    folder = sources / "runs" / PROJECT / "v1"
    append_event(sources / LEDGER, "push", REF, 1, recipe="pixel", config={"lr": 5e-4})
    append_event(sources / LEDGER, "fetch", REF, 1, metrics={"fid": 2.5, "floor": 2.0})
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"fid": 2.5, "floor": 2.0}))
    history = [{"step": 5, "seconds": 1.5, "nll": 6.0}, {"step": 9, "nll": float("nan")}]
    write_state(folder / STATE / "checkpoint_000000009.pt", {"standing": {"history": history}})
    ended = place.run("build.py", "runs", "--export", "trackio", cwd=sources)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].endswith(f"trackio show --project {PROJECT}")
    ((run,),) = place.read().values()
    assert (run["config"]["recipe"], run["config"]["lr"]) == ("pixel", 5e-4)
    curve, results = run["logs"]
    assert (curve["step"], curve["train/nll"], curve["train/seconds"]) == (5, 6.0, 1.5)
    assert (results["step"], results["fid"], results["fid_per_floor"]) == (5, 2.5, 1.25)
