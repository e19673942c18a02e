"""A recipe's name -> the keys that it uses, what it changes of their defaults; see DESIGN.md."""

from typing import Any

DEFAULT_RECIPE = AUTO = "auto"
CANDIDATES = ("pixel", "r3gan", "edm")  # of auto, all of which it tries
PUBLIC = ("first-seed", "second-seed")  # the two public solutions, kept as they were
# Raised when a recipe's networks or optimisers change, for then an earlier state no longer fits.
_STATES = {"pixel": 3, "auto": 3}
_COLUMNS = ("policy", "epochs", "batch", "lr", "beta1", "beta2", "n_critic", "gp_weight")
_TABLE: dict[str, tuple[Any, ...]] = {
    #               policy       epochs batch  lr     b1   b2    n_c  gp
    "auto":        ("host",          0,    0, 1e-4, 0.5, 0.9,    5, 10.0),
    "first-seed":  ("first-seed",  200,   64, 1e-4, 0.5, 0.9,    5, 10.0),
    "second-seed": ("second-seed",  30,  128, 1e-4, 0.0, 0.9,    5,  5.0),
    "pixel":       ("host",          0,    0, 2e-3, 0.9, 0.99,   1,  0.0),
    "r3gan":       ("host",          0,    0, 2e-4, 0.0, 0.99,   1, 10.0),
    "edm":         ("host",          0,    0, 1e-3, 0.9, 0.99,   1,  0.0),
}  # fmt: skip
_EXTRA: dict[str, dict[str, Any]] = {
    "auto": {"sweep": True},
    "first-seed": {"latent_dim": 100, "width": 64, "curate": False},
    "second-seed": {
        "latent_dim": 128,
        "width": 64,
        "curate": False,
        "save_every": 1,
        "epoch_fid": 1000,
    },
    "pixel": {
        "width": 0,
        "depth": 0,
        "ema_decay": 0.999,
        "targets": 128,
        "tail": 0.001,
        "sweep": True,
    },
    "r3gan": {"latent_dim": 64, "width": 0, "sweep": True, "fid_loss": -1.0},
    "edm": {"width": 0, "depth": 0, "sweep": True},
}
RECIPES: dict[str, dict[str, Any]] = {
    name: {**dict(zip(_COLUMNS, row, strict=True)), **_EXTRA[name]} for name, row in _TABLE.items()
}
# The keys of Config that a recipe's code reads; tests/kernel/recipes/test_recipes.py watches.
RUN_KEYS = (  # of the run around the training, whatever is trained
    *("recipe", "seed", "minutes", "train_minutes", "steps", "ranks", "policy", "epochs", "graphs"),
    *("samples", "curate", "pool", "weights_file", "weights_sha256", "preprocessing"),
    *("real_limit", "floor_draws"),
)
_LEARNER_KEYS = ("batch", "lr", "beta1", "beta2", "width")
_JUDGED_KEYS = ("judge", "temperature", "sweep")
_PUBLIC_KEYS = ("n_critic", "gp_weight", "latent_dim", "save_every", "epoch_fid")
_OWN_KEYS: dict[str, tuple[str, ...]] = {
    "first-seed": _PUBLIC_KEYS,
    "second-seed": _PUBLIC_KEYS,
    "pixel": (*_JUDGED_KEYS, "codes", "targets", "depth", "ema_decay", "tail"),
    "r3gan": (*_JUDGED_KEYS, "gp_weight", "latent_dim", "fid_loss"),
    "edm": (*_JUDGED_KEYS, "depth"),
}


def list_training_keys(recipe: str) -> tuple[str, ...]:
    """A recipe -> the keys that its training and drawing use; of auto what any candidate uses."""
    if recipe == AUTO:
        keys = [key for candidate in CANDIDATES for key in list_training_keys(candidate)]
        return (*dict.fromkeys(keys), "trial")
    return (*_LEARNER_KEYS, *_OWN_KEYS[recipe])


def list_keys(recipe: str) -> tuple[str, ...]:
    """A recipe -> all keys that a run of it uses."""
    return (*RUN_KEYS, *list_training_keys(recipe))


def number_state(recipe: str) -> int:
    """A recipe -> the number of its training state's form; 1 where it never changed."""
    return _STATES.get(recipe, 1)
