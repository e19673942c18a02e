"""Print a version's status changes and log lines as they come, until its run has ended."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lib.base.errors import PipelineError
from lib.base.log import format_seconds, log
from lib.kaggle.client.errors import KaggleError, find_cure
from lib.kaggle.client.kernel_log import LogFollower, find_log_seconds, parse_log
from lib.kaggle.client.kernels import Status, find_latest_version, get_status, list_outputs
from lib.kaggle.client.secrets import clean_line
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.running_device import DeviceCheck


@dataclass(frozen=True)
class Watched:
    """How a run ended."""

    status: Status
    minutes: float | None  # of the session; None where neither log nor clock shows it


class Watch:
    """One version's run, whose status is asked for repeatedly."""

    def __init__(self, session: KaggleSession, ref: str, version: int, asked: str) -> None:
        self._session = session
        self._ref = ref
        self._version = version
        self._follower = LogFollower(session, ref)
        self._device = DeviceCheck("watch", asked)
        self._shown = ""  # the status that was last printed
        self._was_seen = False
        self._running_since: float | None = None
        self._grace_end = time.monotonic() + session.patience.grace_s

    def ask_status(self) -> Status | None:
        """Ask for the Status and print changes; return None where Kaggle cannot tell now."""
        try:
            status = get_status(self._session, self._ref, self._version)
        except KaggleError as error:
            is_new = not self._was_seen and time.monotonic() < self._grace_end
            if not error.passing and not (is_new and error.code in (403, 404)):
                raise
            self._say(f"{error.got}; the kernel is not touched by that, asking again")
            return None
        self._was_seen = True
        self._say(f"{status.name}{f': {status.message}' if status.message else ''}")
        if status.name == "RUNNING" and self._running_since is None:
            self._running_since = time.monotonic()
        return status

    def show_log_until(self, end: float) -> None:
        """Print the new lines of the log until a time of time.monotonic()."""
        if self._follower.is_open or self._is_latest():
            self._print(self._follower.read_until(end))
        if not self._follower.is_open and not self._follower.is_finished:
            self._show_kept_log()

    def finish(self, status: Status) -> Watched:
        """Print the rest of the log; return how the run ended."""
        kept_log = ""
        try:
            kept_log = list_outputs(self._session, self._ref, self._version)[1]
        except KaggleError as error:
            log("watch", f"the rest of the log cannot be had: {error.got}")
        self._print(self._follower.take_whole(parse_log(kept_log)))
        self._device.finish()
        seconds = find_log_seconds(kept_log)
        if seconds is None and self._running_since is not None:
            seconds = time.monotonic() - self._running_since
        return Watched(status, None if seconds is None else seconds / 60)

    def close(self) -> None:
        """Let go of the live log."""
        self._follower.close()

    def _is_latest(self) -> bool:
        """Tell whether the live log, which is the latest version's, is this version's."""
        try:
            return find_latest_version(self._session, self._ref) <= self._version
        except KaggleError:
            return False

    def _show_kept_log(self) -> None:
        try:
            kept_log = list_outputs(self._session, self._ref, self._version)[1]
        except KaggleError:
            return
        self._print(self._follower.take_whole(parse_log(kept_log)))

    def _say(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            clean = clean_line(text, self._session.secrets)
            log("watch", f"{self._ref} version {self._version}: {clean}")

    def _print(self, lines: Iterator[str]) -> None:
        for line in lines:
            print(f"  | {clean_line(line, self._session.secrets)}", flush=True)
            self._device.look(line)


def watch_version(session: KaggleSession, ref: str, version: int, asked_shape: str = "") -> Watched:
    """Show a run's status and log until it ends; raise PipelineError if it lasts too long.

    A line warns where the log names another device than that of the machine_shape asked for.
    Passing troubles of network and server are waited out. Only a refusal or the deadline ends the
    watch early.
    """
    watch = Watch(session, ref, version, asked_shape)
    with contextlib.closing(watch):
        for pause in session.patience.poll(session.patience.run_s):
            end = time.monotonic() + pause
            status = watch.ask_status()
            if status is not None and status.is_terminal:
                return watch.finish(status)
            if status is not None and status.name == "RUNNING":
                watch.show_log_until(end)
            time.sleep(max(0.0, end - time.monotonic()))
    raise PipelineError(
        "watch",
        f"{ref} version {version} has not ended within the deadline",
        expected=f"{format_seconds(session.patience.run_s)} at most",
        cure=f"the kernel goes on; to resume: python build.py watch {ref.split('/')[1]}/{version}",
    )


def demand_complete(stage: str, watched: Watched, ref: str, version: int) -> None:
    """Raise PipelineError with cause and cure unless the run is COMPLETE."""
    status = watched.status
    if status.name == "COMPLETE":
        return
    cause = status.message or "no reason from Kaggle"
    if status.name == "CANCEL_ACKNOWLEDGED" and not status.message:
        cause = "it was cancelled, or stopped at the time limit"
    cure = find_cure(status.message)
    if cure == find_cure(""):
        cure = "its log shows where it failed, or just ends where it was stopped from outside"
        if stage == "watch":
            cure += f"; python build.py fetch {ref.split('/')[1]}/{version} saves what is there"
    raise PipelineError(
        stage, f"{ref} version {version} ended as {status.name}", got=cause, cure=cure
    )
