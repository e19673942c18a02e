"""A recipe's name and its overrides -> one frozen, checked Config."""

import dataclasses
from dataclasses import dataclass
from typing import Any, get_type_hints

from lib.kernel.errors import InputError, nearest_name
from lib.kernel.recipes import PUBLIC, RECIPES

TORCHVISION_WEIGHTS = "inception_v3_google-0cc3c7bd.pth"
RANDOM_WEIGHTS = "random"
PREPROCESSINGS = ("host", "imagenet-norm", "nearest", "tf-fid")
COLDEST, HOTTEST = 0.01, 100.0  # temperatures that samples may be drawn at
POLICIES = ("host", "first-seed", "second-seed")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's result; two runs of equal Configs draw equal numbers."""

    # The run
    recipe: str = "pixel"
    seed: int = 0
    minutes: float = 690.0  # wall clock of the whole run, min; Kaggle ends a session at 720
    train_minutes: float = 0.0  # optimiser time of all candidates together, min; 0: what is left
    steps: int = 0  # cap on critic or model steps; 0: none
    ranks: int = 0  # processes that train and draw together; 0: one a GPU
    # Data
    policy: str = "host"  # decoding of the training images; FID's real side is always "host"
    # Training
    epochs: int = 0  # passes over the data; 0: bounded by time and steps alone
    batch: int = 64  # images a step; 0, but in the public recipes: by the device
    codes: int = 0  # kinds of picture that pixel tells apart; 0: by the images' number; 1: none
    graphs: bool = True  # on a GPU a step's kernels are launched as one CUDA graph
    targets: int = 0  # pixels of each image that the pixel recipe learns in a step; 0: all
    lr: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.9
    n_critic: int = 5  # critic steps for each generator step
    gp_weight: float = 10.0  # lambda of the gradient penalty; in the r3gan recipe gamma at first
    latent_dim: int = 100
    width: int = 64  # channels of the narrowest layer; 0, but in the public recipes: by the device
    depth: int = 4  # of pixel's trunk, of each scale in edm; 0, in both: by the device
    ema_decay: float = 0.0  # of the weights, a step; 0: no average is kept
    save_every: int = 10  # epochs between generator snapshots that a public recipe leaves behind
    epoch_fid: int = 0  # images for the FID of each epoch; 0: none, the last weights are taken
    trial: int = 0  # images for each FID of a candidate in recipe auto; 0: by device and time
    # Images drawn from each average of the weights, whose FID chooses among them during training
    judge: int = 0  # 0: by device and recipe, where time allows; -1: none
    # Share of the training time in which the r3gan recipe ends with FID as its loss
    fid_loss: float = 0.0  # 0: none; -1: 0.05 on a GPU, none on the CPU
    # Samples
    samples: int = 1000  # images submitted
    temperature: float = 1.0  # of pixel's softmax; a factor of r3gan's and edm's noise
    tail: float = 0.0  # its rare values are never drawn where together they are less likely
    sweep: bool = (
        False  # try temperatures about that one, keep that of the least FID on half of the real
    )
    curate: bool = True  # choose the submitted images out of a pool by FID
    pool: int = 0  # images in the pool; 0: 20,000 on a GPU, 5,000 on the CPU
    # Features
    weights_file: str = TORCHVISION_WEIGHTS  # a file's name, or "random"
    weights_sha256: str = "0cc3c7bd"  # leading hex digits; torchvision's own file names carry eight
    preprocessing: str = "host"
    # FID
    real_limit: int = 0  # real images that serve; 0: all on a GPU, 10,000 on the CPU
    floor_draws: int = 5  # held-out draws for the real-real floor

    def __post_init__(self) -> None:
        _check_choice("recipe", self.recipe, RECIPES)
        _check_choice("policy", self.policy, POLICIES)
        _check_choice("preprocessing", self.preprocessing, PREPROCESSINGS)
        for name, low, high in _RANGES:
            value = getattr(self, name)
            low = max(low, 1) if self.is_public and name in ("batch", "width") else low
            if not low <= value <= high:  # also refuses NaN
                raise InputError(
                    "config",
                    f"{name} is out of range",
                    expected=f"{low:g} to {high:g}",
                    got=f"{value}",
                    cure=f"give another value: --set {name}=...",
                )

    @property
    def is_public(self) -> bool:
        """Whether the recipe is one of the two public solutions, kept as they were."""
        return self.recipe in PUBLIC


_RANGES = (
    ("seed", 0, 2**31 - 1),
    ("minutes", 0.1, 60 * 24 * 7),
    ("train_minutes", 0, 60 * 24 * 7),
    ("steps", 0, 10**9),
    ("ranks", 0, 64),
    ("epochs", 0, 10**6),
    ("batch", 0, 65536),
    ("codes", 0, 4096),
    ("targets", 0, 1024),
    ("lr", 1e-9, 10),
    ("beta1", 0, 0.9999),
    ("beta2", 0, 0.999999),
    ("n_critic", 1, 100),
    ("gp_weight", 0, 1000),
    ("latent_dim", 1, 4096),
    ("width", 0, 2048),
    ("depth", 0, 64),
    ("ema_decay", 0, 0.999999),
    ("save_every", 1, 10**6),
    ("epoch_fid", 0, 50_000),
    ("trial", 0, 50_000),
    ("judge", -1, 50_000),
    ("fid_loss", -1, 0.5),
    ("samples", 2, 100_000),
    ("temperature", COLDEST, HOTTEST),
    ("tail", 0, 1),
    ("pool", 0, 200_000),
    ("real_limit", 0, 10**7),
    ("floor_draws", 2, 1000),
)
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_BAKED = ("recipe", "weights_file", "weights_sha256")  # given by options of their own


def make_config(recipe: str, overrides: dict[str, Any]) -> Config:
    """(recipe name, field -> value) -> Config; the overrides win over the recipe's own row."""
    _check_choice("recipe", recipe, RECIPES)
    return Config(**{"recipe": recipe, **RECIPES[recipe], **overrides})


def as_candidate(config: Config, recipe: str) -> Config:
    """(Config of recipe auto, a candidate) -> its Config; what differs from auto's row wins."""
    given, usual = as_dict(config), as_dict(make_config(config.recipe, {}))
    differing = {name: value for name, value in given.items() if value != usual[name]}
    return make_config(recipe, differing)


def parse_override(text: str) -> tuple[str, Any]:
    """A "key=value" of --set -> (field name, value of the field's type)."""
    key, separator, value = text.partition("=")
    types = get_type_hints(Config)
    known = [name for name in types if name not in _BAKED]
    if key not in known:
        raise InputError(
            "config", f"--set {text}: there is no key {key!r}", cure=nearest_name(key, known)
        )
    try:
        if not separator:
            raise ValueError
        return key, _parse_value(types[key], value)
    except (ValueError, KeyError, OverflowError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}.get(types[key])
        raise InputError(
            "config",
            f"--set {text}: the value cannot be read",
            expected=kind or "a text",
            got=repr(value),
            cure=f"write --set {key}=VALUE",
        ) from None


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Two configurations as dictionaries -> "key: here against there" for all that differ."""
    keys = sorted(one.keys() | other.keys())
    return [
        f"{key}: {one.get(key)!r} against {other.get(key)!r}"
        for key in keys
        if one.get(key) != other.get(key)
    ]


def as_dict(config: Config) -> dict[str, Any]:
    """A Config -> its fields, in the order of the class."""
    return dataclasses.asdict(config)


def _parse_value(kind: type, value: str) -> Any:
    if kind is bool:
        return _BOOLEANS[value.lower()]
    if kind is int:
        number = float(value)  # "1e4" is a whole number as well
        if number != int(number):
            raise ValueError
        return int(value) if value.lstrip("+-").isdigit() else int(number)
    return kind(value)


def _check_choice(name: str, value: str, known: Any) -> None:
    if value not in known:
        raise InputError(
            "config", f"there is no {name} {value!r}", cure=nearest_name(str(value), known)
        )
