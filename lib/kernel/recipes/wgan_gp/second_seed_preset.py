"""The preset of recipe second-seed: its published values and the keys that it reads."""

from lib.kernel.configuration.preset import TRAINER_KEYS, Preset

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
    training_keys=(
        *TRAINER_KEYS,
        *("n_critic", "gp_weight", "latent_dim", "save_every", "epoch_fid"),
    ),
    idea="A generator and a critic compete: WGAN-GP, as another public solution did it; the "
    "epoch of the lowest FID is kept.",
    sets_images_aside=False,
    first_keys=("epochs", "minutes", "width"),
)
