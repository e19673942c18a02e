"""Everything that decides a run's result: one frozen Config, each key checked and explained.

Long because each key is explained here, for users and for readers of the code.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.kaggle_limits import SESSION_MINUTES
from lib.kernel.configuration.challenge import IMAGE_PX, SUBMITTED
from lib.kernel.configuration.image_name import check_image_name

TORCHVISION_WEIGHTS = "inception_v3_google-0cc3c7bd.pth"
RANDOM_WEIGHTS = "random"
COLDEST, HOTTEST = 0.01, 100.0  # allowed temperatures
OFFICIAL = "official"  # as the competition reads records and prepares pictures
POLICIES = (OFFICIAL, "first-seed", "second-seed")
TF_FID = "tf-fid"  # as the TensorFlow network reads pictures, which needs its layout
PREPROCESSINGS = (OFFICIAL, "imagenet-norm", "nearest", TF_FID)
_WEEK = 60.0 * 24 * 7  # min


@dataclass(frozen=True)
class Key:
    """A field's description, for checks, messages and the comments in a kernel."""

    unit: str
    words: str
    least: float = -math.inf
    most: float = math.inf  # infinite: the range is not checked
    auto: float | None = None  # the number that stands for "auto"; None: it may not be auto
    by: str = ""  # what settles it where it is auto


def _key(
    default: Any,
    unit: str,
    words: str,
    least: float = -math.inf,
    most: float = math.inf,
    auto: float | None = None,
    by: str = "",
) -> Any:
    """(default, the fields of Key) -> a field of Config."""
    key = Key(unit, words, least, most, auto, by)
    return dataclasses.field(default=default, metadata={"key": key})


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's result; two runs of equal Configs draw equal numbers."""

    # The run
    recipe: str = _key("pixel", "name", "what is trained; this kernel holds no other")
    seed: int = _key(0, "number", "the same seed draws the same submission", 0, 2**31 - 1)
    minutes: float = _key(
        90.0,
        "min",
        f"wall clock of the run; Kaggle ends a session at {SESSION_MINUTES}",
        0.1,
        _WEEK,
    )
    train_minutes: float = _key(0.0, "min", "optimiser time", 0, _WEEK, 0, by="what is left")
    steps: int = _key(0, "steps", "at most so many, of a critic or model; 0: no cap", 0, 10**9)
    ranks: int = _key(
        0, "processes", "that train and draw together", 1, 64, 0, by="one for each GPU"
    )
    # Data
    competition: str = _key("gan-challenge", "name", "whose data are read")
    image_px: int = _key(IMAGE_PX, "px", "side of every picture", 8, 128)
    image_name: str = _key("{:05d}.png", "pattern", "of the pictures' names in images.zip")
    policy: str = _key(OFFICIAL, "name", "how training images are decoded; for FID always official")
    # Training
    epochs: int = _key(0, "epochs", "at most so many passes over the data; 0: no cap", 0, 10**6)
    batch: int = _key(64, "images", "in each step", 1, 65536, 0, by="by the device")
    clusters: int = _key(
        0,
        "clusters",
        "of alike pictures that pixel tells apart; 1: none",
        1,
        4096,
        0,
        by="by the images' number",
    )
    graphs: bool = _key(True, "switch", "on a GPU a step's kernels are launched as one CUDA graph")
    targets: int = _key(0, "pixels", "of each image that pixel learns in a step; 0: all", 0, 128**2)
    lr: float = _key(1e-4, "factor", "learning rate", 1e-9, 10)
    beta1: float = _key(0.5, "share", "Adam's beta1, memory of gradients", 0, 0.9999)
    beta2: float = _key(0.9, "share", "Adam's beta2, memory of their squares", 0, 0.999999)
    n_critic: int = _key(5, "steps", "of the critic for each of the generator", 1, 100)
    gp_weight: float = _key(10.0, "factor", "lambda of the gradient penalty", 0, 1000)
    latent_dim: int = _key(100, "numbers", "that a generator starts from", 1, 4096)
    width: int = _key(64, "channels", "of the narrowest layer", 1, 2048, 0, by="by the device")
    depth: int = _key(
        4, "layers", "of pixel's trunk, of each scale in edm", 1, 64, 0, by="by the device"
    )
    ema_decay: float = _key(0.0, "a step", "of the average of the weights; 0: none", 0, 0.999999)
    save_every: int = _key(10, "epochs", "between snapshots of the generator", 1, 10**6)
    epoch_fid: int = _key(
        0,
        "images",
        "for an FID of each snapshot; 0: none, last weights taken",
        *(0, 50_000),
    )
    trial: int = _key(
        0, "images", "for each FID of a candidate", 1, 50_000, 0, by="by device and time"
    )
    eval_samples: int = _key(
        0,
        "images",
        "of each average of the weights, whose FID chooses among them; -1: none",
        *(-1, 50_000, 0),
        by="by device and recipe, where time allows",
    )
    fid_loss: float = _key(
        0.0,
        "share",
        "of the training time in which r3gan ends with FID as its loss; 0: none",
        *(0, 0.5, -1),
        by="0.05 on a GPU, 0 on a CPU",
    )
    # Samples
    samples: int = _key(SUBMITTED, "images", "submitted", 2, 100_000)
    temperature: float = _key(
        1.0, "factor", "of the noise to draw from, or of the softmax", COLDEST, HOTTEST
    )
    tail: float = _key(
        0.0, "share", "pixel's rare values, together less likely than this, are not drawn", 0, 1
    )
    sweep: bool = _key(False, "switch", "try temperatures about that one, keep that of lowest FID")
    curate: bool = _key(True, "switch", "choose the submitted images out of a pool by FID")
    pool: int = _key(
        0,
        "images",
        "drawn, to choose from",
        *(1, 200_000, 0),
        by="20,000 on a GPU, else 5,000",
    )
    # Features
    weights_file: str = _key(
        TORCHVISION_WEIGHTS, "name", "of the file with Inception's weights, or 'random'"
    )
    weights_sha256: str = _key("0cc3c7bd", "hex", "first digits of that file's hash")
    preprocessing: str = _key(OFFICIAL, "name", "of pictures on their way into Inception")
    # FID
    real_limit: int = _key(
        0,
        "images",
        "at most so many real ones for FID",
        *(1, 10**7, 0),
        by="all on a GPU, 10,000 on a CPU",
    )
    floor_draws: int = _key(5, "repeats", "of FID(real, other real), the least to expect", 2, 1000)
    # Of recipe auto: those keys in which its candidates differ and that the user gave. Candidates
    # take only these from it; where they differ in other keys, they keep their own values.
    given: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("policy", self.policy, POLICIES)
        check_choice("preprocessing", self.preprocessing, PREPROCESSINGS)
        check_image_name(self.image_name)
        for name, key in KEYS.items():
            value = getattr(self, name)
            if math.isinf(key.most) or value == key.auto:
                continue
            if not key.least <= value <= key.most:  # also refuses NaN
                raise refuse_range(name, value, key.auto is not None)


KEYS: Mapping[str, Key] = {
    entry.name: entry.metadata["key"] for entry in dataclasses.fields(Config) if entry.metadata
}
BAKED = ("recipe", "competition", "weights_file", "weights_sha256")  # each has an option of its own
COMPETITION_KEYS = ("image_px", "image_name", "policy")  # of some competitions, see Rules.keys
AUTOMATIC = "auto"  # the word for a value that the run settles


def refuse_range(name: str, value: Any, may_be_auto: bool) -> InputError:
    """(key, a value out of its range, whether it may be "auto") -> the error to raise."""
    key = KEYS[name]
    return InputError(
        "config",
        f"{name} is out of range",
        expected=f"{key.least:g} to {key.most:g}{' or auto' * may_be_auto}",
        got=f"{show_value(name, value)}",
        cure=f"give another value: --set {name}=..., in a kernel its line of CONFIG",
    )


def show_value(name: str, value: Any) -> Any:
    """(key, its value in a Config) -> the value as users write it, with "auto" for its number."""
    key = KEYS.get(name)
    return AUTOMATIC if key and key.auto is not None and value == key.auto else value


def as_dict(config: Config) -> dict[str, Any]:
    """A Config -> its fields as JSON values, in the order of the class."""
    return {**dataclasses.asdict(config), "given": list(config.given)}


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Raise InputError, with the nearest known value, unless a key's value is a known one."""
    if value not in known:
        raise InputError(
            "config", f"there is no {name} {value!r}", cure=nearest_name(str(value), known)
        )
