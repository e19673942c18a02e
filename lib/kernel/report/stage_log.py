"""The stages of a run: their seconds, what they found, and a report that tells it so far."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from lib.base.files import read_json, write_json
from lib.base.log import Heartbeat, format_seconds, log
from lib.base.run_files import REPORT
from lib.kernel.report.report import Findings, Found, write_report


class Viewer(Protocol):
    """What shows a run's pictures and curves while it goes on, such as a notebook."""

    def show_figures(self, figures: Mapping[str, bytes]) -> None:
        """Show pictures, caption -> PNG."""

    def show_training(
        self, recipe: str, history: Sequence[Mapping[str, float]], output: Path, is_last: bool
    ) -> None:
        """Show the curves of a training so far, and its newest samples in the output folder."""


class StageLog:
    """Findings of a run, its clock, and the seconds of each stage, summed over resumed runs."""

    def __init__(
        self,
        findings: Findings,
        template: str,
        output: Path,
        scratch: Path,
        viewer: Viewer | None = None,
    ) -> None:
        self.findings = findings
        self.heartbeat = Heartbeat()  # to be entered while the stages run
        self._started = time.monotonic()
        self._template = template
        self._viewer = viewer
        self._report = output / REPORT
        self._seconds_file = scratch / "seconds.json"
        self._seconds: dict[str, float] = read_json(self._seconds_file) or {}

    @property
    def elapsed_s(self) -> float:
        """Seconds since this process took up the run."""
        return time.monotonic() - self._started

    def deadline(self, minutes: float) -> float:
        """The run's minutes -> the value of time.monotonic() at which they are over."""
        return self._started + minutes * 60

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the stage in this block; the report is written even when it fails."""
        start = time.monotonic()
        self.heartbeat.begin(name)
        try:
            yield
            self.findings.stage = name
        finally:
            spent = time.monotonic() - start
            self._seconds[name] = round(self._seconds.get(name, 0.0) + spent, 3)
            write_json(self._seconds_file, self._seconds)
            self.findings.metrics["seconds"] = dict(self._seconds)
            self.write_report()
        log(name, f"done in {format_seconds(spent)}")

    def add(self, found: Found) -> None:
        """Add what a stage found; the report shows it from the end of the stage on."""
        self.findings.add(found)
        if self._viewer and found.figures:
            self._viewer.show_figures(found.figures)

    def show_training(
        self, recipe: str, history: Sequence[Mapping[str, float]], is_last: bool
    ) -> None:
        """Let a viewer, if there is one, show the curves of a training so far."""
        if self._viewer:
            self._viewer.show_training(recipe, history, self._report.parent, is_last)

    def show_config(self, config: Mapping[str, Any]) -> None:
        """Show the configuration with the values that the run settled."""
        self.findings.config = config

    def warn(self, stage: str, message: str) -> None:
        """Write a line into the log and a banner into the report."""
        log(stage, message)
        if message not in self.findings.warnings:
            self.findings.warnings.append(message)

    def describe_seconds(self) -> str:
        """Say what each stage took so far, the longest first."""
        spent = sorted(self._seconds.items(), key=lambda pair: -pair[1])
        return ", ".join(f"{name} {format_seconds(seconds)}" for name, seconds in spent)

    def write_report(self) -> None:
        """Write report.html with what there is."""
        write_report(self._report, self._template, self.findings)
