"""Lines of a run's log -> the device that they name, compared with the one that was asked for.

Kaggle replaces a machine that it does not have without a word. What runs stands in the log alone:
in this project's own line, and for other programs in what torch or nvidia-smi call the device.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kaggle.machine_shapes import Shape, describe_shape, find_shape
from lib.kaggle.workspace import Workspace

_LONGEST = 400  # characters of a line that are looked at
_NAME = r"(?:Tesla|NVIDIA)\s+(?:(?:Tesla|GeForce|Quadro)\s+)?(?:RTX (?:PRO )?)?[A-Z]{0,2}\d{1,4}\w*"
_DEVICES = (  # of lines that name a GPU or TPU: its name, and its number if there is one
    re.compile(r"(?:^|\s)runtime: (?P<name>(?!cpu,).+?), b?float\d+ \("),
    re.compile(r"^\|\s+(?P<number>\d+)\s+(?P<name>\S.*?)\s+(?:On|Off|N/A)\s+\|"),  # nvidia-smi
    re.compile(r"^GPU (?P<number>\d+): (?P<name>.+?) \(UUID"),  # nvidia-smi -L
    re.compile(rf"\b(?P<name>{_NAME}(?:-\w+)*)"),  # torch.cuda.get_device_name
    re.compile(r"\b(?P<name>TPU v\d\w*(?:-\d+)?|TpuDevice)\b", re.IGNORECASE),
)
_CPU = re.compile(  # of lines that say that there is neither
    r"(?:^|\s)runtime: cpu, \d+ threads"
    r"|^\W*(?:(?:using |selected )?(?:torch )?device(?: ?type)?\s*[:=]?|running on(?: the)?|"
    r"using(?: the)?)\W*cpu\W*$"
    r"|device\(type='cpu'"
    r"|cuda\W?(?:is_)?available\W*False\b"
    r"|\bno (?:GPU|CUDA(?:-capable)? device)s? (?:is |was |were )?(?:found|available|detected)"
    r"|nvidia-smi: (?:command )?not found",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"\b(recommend|requir|such as|e\.g\.|instead of|faster|tested on|trained on|measured|compared)",
    re.IGNORECASE,
)


class DeviceCheck:
    """Looks at a log line by line; tells once where the first device named is another one."""

    def __init__(self, stage: str, asked: str) -> None:
        self._stage = stage
        self._shape = find_shape(asked)
        self._numbers: set[str] = set()
        self._name = ""  # the first device that was named

    def look(self, line: str) -> None:
        """Look at the next line."""
        if self._shape is None or (found := _find_device(line)) is None:
            return
        name, number = found
        self._numbers |= {number} if number else set()
        if not self._name:
            self._name = name
            if not re.search(self._shape.device, name):
                log(self._stage, f"warning: {_complain(self._shape, name)}")
                self._shape = None

    def finish(self) -> None:
        """Tell at the end of the log where nvidia-smi showed fewer devices than were asked for."""
        if self._shape and 0 < len(self._numbers) < self._shape.count:
            what = _complain(self._shape, f"{len(self._numbers)} x {self._name}")
            log(self._stage, f"warning: {what}")


def check_log(stage: str, asked: str, lines: Iterable[str]) -> None:
    """Look at all lines of an ended run's log."""
    check = DeviceCheck(stage, asked)
    for line in lines:
        check.look(line)
    check.finish()


def check_saved_log(work: Workspace, ref: str, version: int, folder: Path) -> None:
    """Look at the log that fetch saved in a version's folder."""
    slug = ref.split("/")[1]
    for name in (f"{slug}.kaggle.log", f"{slug}.log"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            check_log("fetch", find_asked_shape(work, ref, version), text.splitlines())
            return


def find_asked_shape(work: Workspace, ref: str, version: int) -> str:
    """Return the machine_shape that a version's push asked for; "" where it is not known."""
    if push := work.find_push(ref, version):
        shape = push.get("machine_shape")
        return shape if isinstance(shape, str) else ""
    try:
        metadata = work.read_metadata()  # of a push by the plain client
    except PipelineError:
        return ""
    return metadata.machine_shape if metadata.ref == ref else ""


def _find_device(line: str) -> tuple[str, str] | None:
    """A line -> (the device's name, its number or ""); None where it names none."""
    line = line[:_LONGEST]
    if _CPU.search(line):
        return "a CPU", ""
    for pattern in _DEVICES:
        if (found := pattern.search(line)) and not _PROSE.search(line):
            return found["name"].strip(), found.groupdict().get("number") or ""
    return None


def _complain(shape: Shape, running: str) -> str:
    asked = describe_shape(shape.name)
    return (
        f"{asked} was asked for, and the log names {running}; its time counts all the same, so "
        "stop it on its page if it is not what you want"
    )
