"""The preset of recipe edm: its values and the keys that it reads."""

from lib.kernel.configuration.config import OFFICIAL
from lib.kernel.configuration.preset import SELECTION_KEYS, TRAINER_KEYS, Preset, SizesByDevice

EDM_PRESET = Preset(
    name="edm",
    defaults={
        "policy": OFFICIAL,
        "epochs": 0,
        "batch": 0,
        "lr": 1e-3,
        "beta1": 0.9,
        "beta2": 0.99,
        "n_critic": 1,
        "gp_weight": 0.0,
        "width": 0,
        "depth": 0,
        "sweep": True,
    },
    training_keys=(*TRAINER_KEYS, *SELECTION_KEYS, "depth"),
    image_px=(28, 32, 64, 96),
    sizes=SizesByDevice(("width", "depth", "batch"), on_gpu=(96, 2, 256), on_cpu=(16, 1, 32)),
    words={
        "temperature": "of the noise to begin with",
        "depth": "of each scale",
    },
    idea="A denoiser turns noise into pictures step by step.",
    first_keys=("minutes", "width", "depth"),
)
