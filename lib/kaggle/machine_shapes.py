"""Kaggle's machine shapes: what each is, whether a push may ask for it, and how long it may run."""

import re
from dataclasses import dataclass

from lib.base.errors import find_nearest
from lib.base.kaggle_limits import SESSION_MINUTES

DEFAULT = "NvidiaTeslaT4"
CPU = "none"  # what --accelerator takes for a run without any
USUAL, RARE, ADMINS, RETIRED, TPU = "usual", "some competitions", "admins", "retired", "tpu"
MARGIN_MINUTES = 15  # beyond a run's own --minutes: to start, to install and to save its files
_TPU_MINUTES = 540  # then Kaggle ends a session with a TPU


@dataclass(frozen=True)
class Shape:
    """One value of machine_shape."""

    name: str
    words: str
    device: str  # pattern of its device's name in a log
    count: int  # devices of that name
    state: str = USUAL
    instead: str = ""  # what Kaggle runs silently where it is retired


# As of autumn 2026. Kaggle's client and the pull requests about it name them; the API has no list.
SHAPES = (
    Shape(DEFAULT, "two T4s of 16 GB", r"\bT4\b", 2),
    Shape("NvidiaTeslaT4Highmem", "T4s and more memory", r"\bT4\b", 1, ADMINS),
    Shape("NvidiaL4", "four L4s of 24 GB", r"\bL4\b", 4, RARE),
    Shape("NvidiaL4X1", "one L4 of 24 GB", r"\bL4\b", 1, RARE),
    Shape("NvidiaTeslaA100", "one A100", r"\bA100\b", 1, RARE),
    Shape("NvidiaH100", "one H100 of 80 GB", r"\bH100\b", 1, RARE),
    Shape("NvidiaRtxPro6000", "one RTX PRO 6000", r"(?i:\bRTX PRO 6000\b)", 1, RARE),
    Shape("TpuV5E8", "eight TPU v5e cores", r"(?i:\btpu)", 8, TPU),
    Shape("TpuV6E8", "eight TPU v6e cores", r"(?i:\btpu)", 8, TPU),
    Shape("NvidiaTeslaP100", "one P100", r"\bP100\b", 1, RETIRED, DEFAULT),
    Shape("TpuV38", "eight TPU v3 cores", r"(?i:\btpu)", 8, RETIRED, "TpuV5E8"),
    Shape("Tpu1VmV38", "eight TPU v3 cores", r"(?i:\btpu)", 8, RETIRED, "TpuV5E8"),
    Shape("TpuV232", "32 TPU v2 cores", r"(?i:\btpu)", 32, RETIRED, "a CPU, without any TPU,"),
    Shape("TpuV2256", "256 TPU v2 cores", r"(?i:\btpu)", 256, RETIRED, "a CPU, without any TPU,"),
)
_SHAPES = {shape.name: shape for shape in SHAPES}
_NONE = ("", "none", "cpu")  # `kaggle kernels pull -m` writes "None" for a run without any


def is_cpu(name: str) -> bool:
    """Tell whether a machine_shape asks for no accelerator at all."""
    return name.strip().lower() in _NONE


def is_tpu(name: str) -> bool:
    """Tell whether a machine_shape asks for a TPU."""
    return name.strip().lower().startswith("tpu")


def find_shape(name: str) -> Shape | None:
    """A machine_shape -> its Shape; None for one that is not known, or for a CPU."""
    return _SHAPES.get(name)


def describe_shape(name: str) -> str:
    """A machine_shape -> it and what it is, in words."""
    if is_cpu(name):
        return "a CPU"
    shape = find_shape(name)
    rare = ", in some competitions only" if shape and shape.state == RARE else ""
    return f"{name} ({shape.words}{rare})" if shape else name


def list_usual() -> str:
    """List what a push may ask for, for the help of --accelerator."""
    usual = [f"{shape.name} ({shape.words})" for shape in SHAPES if shape.state == USUAL]
    rare = [shape.name for shape in SHAPES if shape.state == RARE]
    return f"{', '.join(usual)}; {CPU} for a CPU; in some competitions {', '.join(rare)}"


def name_nearest(name: str) -> str:
    """A machine_shape that is not known -> the one to ask for that it is most like."""
    core, names = _strip_maker(name), [shape.name.lower() for shape in SHAPES]
    by_core = {_strip_maker(shape.name): shape for shape in reversed(SHAPES)}  # the usual ones win
    held = (shape for shape in SHAPES if core and core in _strip_maker(shape.name))
    near = find_nearest(name.lower(), names)
    likely = next((shape for shape in SHAPES if shape.name.lower() == near), None)
    found = likely if name.lower() in names else by_core.get(core) or next(held, likely)
    return found.name if found and found.state in (USUAL, RARE, TPU) else DEFAULT


def _strip_maker(name: str) -> str:
    """ "NvidiaTeslaT4", "GPU T4 x2" -> "t4", what tells a shape from others."""
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"nvidia|tesla|geforce|gpu|(?<=[a-z]\d)x\d$", "", word)


def warn_of_shape(name: str) -> str:
    """A machine_shape -> why a run may get another machine than that, with the cure; or ""."""
    if is_cpu(name):
        return ""
    shape = find_shape(name)
    if shape is None:
        return f"machine_shape {name!r} is not known here: did you mean {name_nearest(name)!r}?"
    told = {
        ADMINS: "is there for Kaggle's own staff only: name " + DEFAULT,
        RETIRED: f"is retired, and Kaggle silently runs {shape.instead} instead: name {DEFAULT}",
        TPU: "by a push runs in an image without what a TPU needs: start it in the notebook's "
        f"editor, or name {DEFAULT}",
    }.get(shape.state, "")
    return f"machine_shape {name} {told}" if told else ""


def warn_of_flags(name: str, enable_gpu: bool, enable_tpu: bool) -> str:
    """(machine_shape, the two flags) -> where they contradict each other; Kaggle takes the shape.

    "" where they do not.
    """
    if is_cpu(name):
        return ""
    if is_tpu(name):
        right = enable_tpu and not enable_gpu
        cure = "set enable_tpu to true and enable_gpu to false"
    else:
        right = enable_gpu and not enable_tpu
        cure = 'for a CPU set machine_shape to "" as well, else enable_gpu to true'
    return "" if right else f"machine_shape {name} counts, whatever the flags say: {cure}"


def choose_timeout(minutes: float, shape: str = "") -> int:
    """(a run's --minutes, machine_shape) -> seconds after which Kaggle is to end its session.

    Nothing else ends a kernel that hangs: a run cannot be cancelled through the API.
    """
    most = _TPU_MINUTES if is_tpu(shape) else SESSION_MINUTES
    return round(min(minutes + MARGIN_MINUTES, most) * 60)
