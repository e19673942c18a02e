"""Kills of the loop's commands, each repeated until it is done -> nothing is lost or doubled."""

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lib.base.files import sha256_bytes
from lib.kaggle.ledger import LEDGER, list_pending, read_events
from tests.kaggle_chaos.command_host import CommandHost
from tests.kaggle_chaos.kills import AFTER_CALL, AFTER_EFFECT, BEFORE_EFFECT, Kill, draw_kill
from tests.kaggle_place import make_outputs
from tests.kaggle_prompt import Prompt
from tests.kaggle_state import Version

MAIN = "ada/kernelpress-gan-challenge"
_MOST_TRIES = 12


@dataclass(frozen=True)
class Task:
    """A command of the loop, as the storm types it."""

    words: tuple[str, ...]  # {round} stands for the number of the round
    calls: int  # about as many as it makes
    effect: str = ""  # the call that must take effect once; "": it only asks


# A round types the tasks of its kind in turn. weights: add its row, and its check to Storm.
TASKS = {
    "push": Task(
        ("push", "--allow-dirty", "--recipe", "pixel", "--set", "seed={round}"), 4, "SaveKernel"
    ),
    "fetch": Task(("fetch",), 8),
    "submit": Task(("submit", "-m", "round {round}"), 9, "CreateSubmission"),
    "submit --kernel": Task(
        ("submit", "--kernel", "-m", "round {round}"), 8, "CreateCodeSubmission"
    ),
    "sweep": Task(
        ("sweep", "--allow-dirty", "--recipe", "pixel", "--set", "seed={round}1,{round}2"),
        16,
        "SaveKernel",
    ),
}
ROUNDS = (
    ("push", "fetch", "submit"),
    ("push", "fetch", "submit --kernel"),
    ("push", "submit"),
    ("sweep",),
)


@dataclass
class Storm:
    """A prompt whose commands are killed, and what came of it."""

    prompt: Prompt
    host: CommandHost
    tell: Callable[[str], None]
    kills: list[Kill] = field(default_factory=list)
    too_late: int = 0  # effects that came after the window in this round

    def run(self, count: int, seed: int) -> Counter[str]:
        """Make so many kills; return how many of each command."""
        number = 0
        while len(self.kills) < count:
            number += 1
            numbers = random.Random(f"{seed}/{number}")
            names = ROUNDS[(number - 1) % len(ROUNDS)]
            self.too_late = 0
            for name in names:
                self._run_task(name, number, numbers, count)
            self.prompt.server.wait_late()
            self._check(names, number)
            self.tell(f"round {number}: {', '.join(names)}: nothing lost, nothing doubled")
        return Counter(kill.command for kill in self.kills)

    def _run_task(self, name: str, number: int, numbers: random.Random, count: int) -> None:
        """Kill a command once or twice, then repeat it until it is done."""
        task = TASKS[name]
        words = [word.format(round=number) for word in task.words]
        for _ in range(numbers.choice((1, 1, 2))):
            kill = draw_kill(numbers, name, task.calls, bool(task.effect))
            if len(self.kills) < count and self._kill(words, task, kill):
                self.kills.append(kill)
                self.too_late += kill.is_too_late
                self.tell(f"round {number}, kill {len(self.kills)}: {kill}")
        for _ in range(_MOST_TRIES):
            self.host.start(*words)
            code, shown = self.host.wait()
            assert "Traceback" not in shown, shown
            if code == 0:
                return
        raise AssertionError(f"{words} does not end: {shown}")

    def _kill(self, words: list[str], task: Task, kill: Kill) -> bool:
        """Start a command and kill it; return whether it still ran then."""
        server = self.prompt.server
        usual, made = server.answer, len(server.calls)
        server.faults.clear()
        if kill.fault:
            server.fail(task.effect, **kill.fault)
        pid = self.host.start(*words)

        def strike() -> None:
            self.host.kill(pid, signal.SIGKILL)

        def answer(name: str, body: dict[str, Any]) -> dict[str, Any]:
            if name != task.effect:
                return usual(name, body)
            if kill.moment == BEFORE_EFFECT:
                strike()
            found = usual(name, body) if kill.moment == AFTER_EFFECT else {}
            strike()
            return found

        if kill.moment != AFTER_CALL:
            server.answer = answer  # type: ignore[method-assign]
        else:
            _wait_for(lambda: len(server.calls) - made >= kill.calls or not _is_alive(pid))
            time.sleep(kill.after_s)
            strike()
        code, shown = self.host.wait()
        server.answer = usual  # type: ignore[method-assign]
        assert "Traceback" not in shown, shown
        return code == -signal.SIGKILL

    def _check(self, names: tuple[str, ...], number: int) -> None:
        """Compare what Kaggle holds with what was meant, and with the ledger."""
        self.host.start("runs")
        code, shown = self.host.wait()
        assert code == 0, shown
        path = self.prompt.root / LEDGER
        events = read_events(path)
        lines = [line for line in path.read_text().splitlines() if line]
        assert len(events) == len(lines), "the ledger has a broken line"
        assert not list_pending(events), shown
        assert not list_pending(events, "submit"), shown
        self._check_versions(events, number)
        if any(name.startswith("submit") for name in names):
            self._check_submission(events, number)

    def _check_versions(self, events: list[dict[str, Any]], number: int) -> None:
        """Each version of Kaggle's is one push of the ledger; equal ones only where too late."""
        pushes = Counter((e["ref"], e["version"]) for e in events if e["event"] == "push")
        server = self.prompt.server
        held = {(each.ref, each.number) for listed in server.versions.values() for each in listed}
        assert pushes == Counter(held), f"round {number}: {pushes} instead of {held}"
        for ref, listed in server.versions.items():
            sources = Counter(each.request["text"] for each in listed)
            doubled = sum(sources.values()) - len(sources)
            late = sum(bool(e.get("twins")) for e in events if e["ref"] == ref)
            assert doubled <= late, f"round {number}: {doubled} of {ref} are doubled, {late} named"

    def _check_submission(self, events: list[dict[str, Any]], number: int) -> None:
        """The round's file was submitted once, or its late twin is named."""
        made = [
            each["ref"]
            for each in self.prompt.server.submissions
            if each["description"].startswith(f"round {number} ")
        ]
        known = Counter(e["submission"] for e in events if e["event"] == "submit")
        assert made, f"round {number}: its submission is lost"
        assert all(known[each] == 1 for each in made), f"round {number}: {made}, {known}"
        named = [e for e in events if e.get("submission") in made and e.get("twins")]
        assert len(made) == 1 + len(named), f"round {number}: {made}"
        assert len(made) == 1 or self.too_late, f"round {number}: {made}"


def play_distinct(version: Version) -> None:
    """A new version -> ended at once, with outputs that no other version has."""
    own = re.search(r"sha256[^:\n]*: ([0-9a-f]{64})", version.request["text"])
    version.statuses = ["COMPLETE"]
    outputs = make_outputs(own[1] if own else "")
    mark = int(sha256_bytes(version.request["text"].encode())[:8], 16)
    csv = outputs["submission.csv"].replace(b"dig-000000,0,", f"dig-000000,{mark},".encode())
    manifest = json.loads(outputs["run_manifest.json"])
    manifest["artefacts"]["submission.csv"] = sha256_bytes(csv)
    text = json.dumps(manifest).encode()
    version.outputs = {**outputs, "submission.csv": csv, "run_manifest.json": text}
    version.events = [{"stream_name": "stdout", "time": 66.0, "data": "all done\n"}]


def _wait_for(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.001)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
