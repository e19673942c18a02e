"""Kills of the loop's commands, each repeated until it is done -> nothing is lost or doubled."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.kaggle.data_set_records import DataSetRecords
from lib.kaggle.ledger import LEDGER, PUSH, SUBMIT, list_pending, read_events
from lib.kaggle.workspace import Workspace
from tests.kaggle_chaos.command_host import CommandHost
from tests.kaggle_chaos.kills import AFTER_CALL, AFTER_EFFECT, BEFORE_EFFECT, Kill, draw_kill
from tests.kaggle_chaos.tasks import (
    DATA_SET,
    PROJECT,
    REF,
    ROUNDS,
    TASKS,
    Task,
    read_folder,
    write_round,
)
from tests.kaggle_prompt import Prompt

_MOST_TRIES = 12


@dataclass
class Storm:
    """A prompt whose commands are killed, and what came of it."""

    prompt: Prompt
    host: CommandHost
    tell: Callable[[str], None]
    kills: list[Kill] = field(default_factory=list)
    number: int = 0  # of the round
    too_late: int = 0  # effects that came after the window in this round

    def run(self, count: int, seed: int) -> Counter[str]:
        """Make so many kills; return how many of each command."""
        while len(self.kills) < count:
            self.number += 1
            number = self.number
            numbers = random.Random(f"{seed}/{number}")
            names = ROUNDS[(number - 1) % len(ROUNDS)]
            self.too_late = 0
            model = write_round(self.prompt, number)
            for name in names:
                self._run_task(name, number, numbers, count)
            self.prompt.server.wait_late()
            self._check(names, number)
            if "weights" in names:
                self._check_data_set(model, number)
            self.tell(f"round {number}: {', '.join(names)}: nothing lost, nothing doubled")
        return Counter(kill.command for kill in self.kills)

    def _run_task(self, name: str, number: int, numbers: random.Random, count: int) -> None:
        """Kill a command once or twice, then repeat it until it is done."""
        task = TASKS[name]
        words = [word.format(round=number) for word in task.words]
        for _ in range(numbers.choice((1, 1, 2))):
            kill = draw_kill(numbers, name, task.calls, bool(task.effects))
            if len(self.kills) < count and self._kill(words, task, kill):
                self.kills.append(kill)
                self.too_late += kill.is_too_late
                self.tell(f"round {number}, kill {len(self.kills)}: {kill}")
            if name == "push" and self._is_pushed():
                return  # it was done: the same push again would be another one
        for _ in range(_MOST_TRIES):
            self.host.start(*words)
            code, shown = self.host.wait()
            assert "Traceback" not in shown, shown
            if code == 0:
                return
        raise AssertionError(f"{words} does not end: {shown}")

    def _is_pushed(self) -> bool:
        """Whether the round's program was pushed, which is recorded when the version was told."""
        ledger = read_events(self.prompt.root / PROJECT / LEDGER)
        if not ledger or ledger[-1]["event"] != "push":
            return False
        text = self.prompt.server.versions[REF][ledger[-1]["version"] - 1].request["text"]
        return f"print('round', {self.number})" in text

    def _kill(self, words: list[str], task: Task, kill: Kill) -> bool:
        """Start a command and kill it; return whether it still ran then."""
        server = self.prompt.server
        usual, made = server.answer, len(server.calls)
        server.faults.clear()
        for name in task.effects if kill.fault else ():
            server.fail(name, **kill.fault)
        pid = self.host.start(*words)

        def strike() -> None:
            self.host.kill(pid, signal.SIGKILL)

        def answer(name: str, body: dict[str, Any]) -> dict[str, Any]:
            if name not in task.effects:
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
        server.faults.clear()
        assert "Traceback" not in shown, shown
        return code == -signal.SIGKILL

    def _check(self, names: tuple[str, ...], number: int) -> None:
        """Compare what Kaggle holds with what was meant, with the ledgers and the folders."""
        folders = {"sweep": self.prompt.root}
        for name in names:
            root = folders.get(name, self.prompt.root / PROJECT)
            if name not in ("push", "sweep") and not name.startswith("submit"):
                continue
            events = self._read_events(root)
            self._check_versions(events, number)
            if name.startswith("submit"):
                self._check_submission(events, number)

    def _read_events(self, root: Path) -> list[dict[str, Any]]:
        """Let `runs` take up what turned up late; return the ledger, which is whole and settled."""
        entry = () if root == self.prompt.root else ("--entry", f"{PROJECT}/main.py")
        self.host.start("runs", *entry)
        code, shown = self.host.wait()
        assert code == 0, shown
        events = read_events(root / LEDGER)
        lines = [line for line in (root / LEDGER).read_text().splitlines() if line]
        assert len(events) == len(lines), "the ledger has a broken line"
        for kind in (PUSH, SUBMIT):
            assert not list_pending(events, kind), shown
        return events

    def _check_versions(self, events: list[dict[str, Any]], number: int) -> None:
        """Each version on Kaggle is one push of the ledger; equal ones only where one came late."""
        pushes = Counter((e["ref"], e["version"]) for e in events if e["event"] == "push")
        refs = {event["ref"] for event in events if event["event"] == "push"}
        versions = self.prompt.server.versions
        held = {(each.ref, each.number) for ref in refs for each in versions[ref]}
        assert pushes == Counter(held), f"round {number}: {pushes} instead of {held}"
        for ref in refs:
            sources = Counter(each.request["text"] for each in versions[ref])
            doubled = sources.total() - len(sources)
            late = sum(bool(e.get("twins")) for e in events if e["ref"] == ref)
            told = f"round {number}: {doubled} of {ref} are doubled, {late} named"
            assert doubled <= late, told
        fetched = {(e["ref"], e["version"]) for e in events if e["event"] == "fetch"}
        for ref, version in fetched:
            root = self.prompt.root / PROJECT if ref == REF else self.prompt.root
            here = read_folder(root / "runs" / ref.split("/")[1] / f"v{version}")
            assert here == versions[ref][version - 1].outputs, f"{ref} version {version}"

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

    def _check_data_set(self, model: bytes, number: int) -> None:
        """The round's weights are one version of the data set."""
        made = self.prompt.server.data_sets[DATA_SET].versions
        same = [each.number for each in made if model in each.files.values()]
        assert same, f"round {number}: its weights are lost"
        assert len(same) == 1 or self.too_late, f"round {number}: versions {same} are the same"
        records = DataSetRecords(Workspace(self.prompt.root), DATA_SET)
        assert not records.list_pending(), f"round {number}"


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
