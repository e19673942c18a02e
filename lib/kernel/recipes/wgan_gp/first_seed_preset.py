"""The preset of recipe first-seed: its published values and the keys that it reads."""

from lib.kernel.configuration.preset import TRAINER_KEYS, Preset

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
    training_keys=(
        *TRAINER_KEYS,
        *("n_critic", "gp_weight", "latent_dim", "save_every", "epoch_fid"),
    ),
    idea="A generator and a critic compete: WGAN-GP, as a public solution did it.",
    sets_images_aside=False,
    first_keys=("epochs", "minutes", "width"),
)
