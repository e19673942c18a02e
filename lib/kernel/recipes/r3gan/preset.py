"""The preset of recipe r3gan: its values and the keys that it reads."""

from lib.kernel.configuration.config import OFFICIAL
from lib.kernel.configuration.preset import SELECTION_KEYS, TRAINER_KEYS, Preset, SizesByDevice

R3GAN_PRESET = Preset(
    name="r3gan",
    defaults={
        "policy": OFFICIAL,
        "epochs": 0,
        "batch": 0,
        "lr": 2e-4,
        "beta1": 0.0,
        "beta2": 0.99,
        "n_critic": 1,
        "gp_weight": 10.0,
        "latent_dim": 64,
        "width": 0,
        "sweep": True,
        "fid_loss": -1.0,
    },
    training_keys=(*TRAINER_KEYS, *SELECTION_KEYS, "gp_weight", "latent_dim", "fid_loss"),
    image_px=(28, 32, 64, 96),
    sizes=SizesByDevice(("width", "batch"), on_gpu=(128, 128), on_cpu=(8, 32)),
    words={
        "lr": "learning rate at width 128",
        "gp_weight": "gamma of the gradient penalties at first",
        "temperature": "of the noise to draw from",
        "fid_loss": "of the training time with FID as the loss, at its end; 0: none",
    },
    idea="A generator and a critic compete, in pairs of real and drawn pictures.",
    first_keys=("minutes", "gp_weight", "width"),
)
