"""The presets of the two public solutions: their published values and the keys that they read."""

from lib.kernel.configuration.preset import TRAINER_KEYS, Preset

_KEYS = (*TRAINER_KEYS, "n_critic", "gp_weight", "latent_dim", "save_every", "epoch_fid")
_IDEA = "A generator and a critic compete: WGAN-GP, as a public solution of the competition did it."

FIRST_SEED_PRESET = Preset(
    name="first-seed",
    defaults={
        "policy": "first-seed",
        "epochs": 200,
        "batch": 64,
        "lr": 1e-4,
        "beta1": 0.5,
        "beta2": 0.9,
        "n_critic": 5,
        "gp_weight": 10.0,
        "latent_dim": 100,
        "width": 64,
        "curate": False,
    },
    training_keys=_KEYS,
    idea=_IDEA,
    first_keys=("epochs", "minutes", "width"),
)
SECOND_SEED_PRESET = Preset(
    name="second-seed",
    defaults={
        "policy": "second-seed",
        "epochs": 30,
        "batch": 128,
        "lr": 1e-4,
        "beta1": 0.0,
        "beta2": 0.9,
        "n_critic": 5,
        "gp_weight": 5.0,
        "latent_dim": 128,
        "width": 64,
        "curate": False,
        "save_every": 1,
        "epoch_fid": 1000,
    },
    training_keys=_KEYS,
    idea=_IDEA,
    first_keys=("epochs", "minutes", "width"),
)
