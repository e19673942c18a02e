"""The stages of a run: their seconds, what they found, and a report that tells it so far.

The report is written after each stage, and now and then while a training goes on.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from lib.base.files import read_object, write_json
from lib.base.log import Heartbeat, format_seconds, log
from lib.base.run_files import REPORT
from lib.kernel.configuration.folders import is_on_kaggle, name_address
from lib.kernel.recipe import Samples
from lib.kernel.report.figures import encode_figure
from lib.kernel.report.report import Findings, Found, write_report

PAGE_EVERY_S = 15.0  # at least between two pages written in training
PAGE_SHARE = 0.01  # of the time, at most for writing them


class Viewer(Protocol):
    """What shows a run's pictures and curves while it goes on, such as a notebook."""

    def show_figures(self, figures: Mapping[str, bytes]) -> None:
        """Show pictures, caption -> PNG."""

    def show_training(
        self,
        recipe: str,
        history: Sequence[Mapping[str, float]],
        newest: Mapping[str, bytes],
        is_last: bool,
    ) -> None:
        """Show the curves of a training so far, and its newest samples, caption -> PNG."""


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
        self._seconds: dict[str, float] = read_object(self._seconds_file)
        self._begun_file = scratch / "begun.json"  # stage -> how often it was begun
        self._begun: dict[str, int] = read_object(self._begun_file)
        self._shown: Samples | None = None  # what `newest` of the findings holds
        self._next_page = 0.0  # a value of time.monotonic(), for one written in training
        self._is_disk_told = False  # whether it was printed that the report cannot be written
        self._is_told = False  # whether the report's address was printed

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
        self._begun[name] = self._begun.get(name, 0) + 1
        with self._sparing_disk():
            write_json(self._begun_file, self._begun)
        self.findings.metrics["interruptions"] = max(self._begun.get("train", 0) - 1, 0)
        try:
            yield
            self.findings.stage = name
        finally:
            self.findings.training = ""
            spent = time.monotonic() - start
            self._seconds[name] = round(self._seconds.get(name, 0.0) + spent, 3)
            self.findings.metrics["seconds"] = dict(self._seconds)
            with self._sparing_disk():
                write_json(self._seconds_file, self._seconds)
                self.write_report()
        log(name, f"done in {format_seconds(spent)}")

    def add(self, found: Found) -> None:
        """Add what a stage found; the report shows it from the end of the stage on."""
        self.findings.add(found)
        if self._viewer and found.figures:
            self._viewer.show_figures(found.figures)

    def show_training(
        self,
        recipe: str,
        history: Sequence[Mapping[str, float]],
        is_last: bool,
        samples: Samples | None = None,
    ) -> None:
        """Show a training so far in the report, not too often, and in a viewer if there is one."""
        if samples is not self._shown and samples is not None:
            caption = f"Newest samples: {recipe}, step {samples.step:,}, {samples.whose}"
            self.findings.newest, self._shown = {caption: encode_figure(samples.images)}, samples
        if self._viewer:
            self._viewer.show_training(recipe, history, self.findings.newest, is_last)
        started = time.monotonic()
        if not history or is_last or started < self._next_page:
            return
        self.findings.history = history
        self.findings.training = self._describe_training(recipe, history[-1]["step"])
        with self._sparing_disk():
            self.write_report()
        now = time.monotonic()
        self._next_page = now + max(PAGE_EVERY_S, (now - started) / PAGE_SHARE)

    def _describe_training(self, recipe: str, step: float) -> str:
        """(recipe, its newest step) -> "training of pixel, step 12, minute 3 of about 90"."""
        config = self.findings.config
        last, minutes = config.get("steps"), config.get("minutes")
        steps = f"step {step:,.0f}" + (f" of {last:,}" if last else "")
        most = "" if last or not minutes else f" of about {minutes:g}"
        return f"training of {recipe}, {steps}, minute {self.elapsed_s / 60:.0f}{most}"

    def show_config(self, config: Mapping[str, Any]) -> None:
        """Show the configuration with the values that the run settled."""
        self.findings.config = config

    def warn(self, stage: str, message: str) -> None:
        """Write a line into the log and a banner into the report."""
        log(stage, message)
        if message not in self.findings.warnings:
            self.findings.warnings.append(message)

    @contextmanager
    def _sparing_disk(self) -> Iterator[None]:
        """Go on where the block cannot write what a run can do without; tell it once."""
        try:
            yield
        except OSError as error:
            if not self._is_disk_told:
                wrong = error.strerror or type(error).__name__
                place = error.filename2 or error.filename or self._report
                log("report", f"warning: {wrong}, {place}: not written; the run goes on")
            self._is_disk_told = True

    def describe_seconds(self) -> str:
        """Say what each stage took so far, the longest first."""
        spent = sorted(self._seconds.items(), key=lambda pair: -pair[1])
        return ", ".join(f"{name} {format_seconds(seconds)}" for name, seconds in spent)

    def write_report(self) -> None:
        """Write report.html with what there is; at first, tell a reader here where it is."""
        write_report(self._report, self._template, self.findings)
        if not self._is_told and not is_on_kaggle():
            log("report", f"{name_address(self._report)}, rewritten as the run goes on")
        self._is_told = True
