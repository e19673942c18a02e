"""The preset of recipe pixel: its values and the keys that it reads."""

from lib.kernel.configuration.config import OFFICIAL
from lib.kernel.configuration.preset import SELECTION_KEYS, TRAINER_KEYS, Preset, SizesByDevice

SIZES = SizesByDevice(("width", "depth", "batch"), on_gpu=(512, 6, 256), on_cpu=(128, 2, 32))

PIXEL_PRESET = Preset(
    name="pixel",
    defaults={
        "policy": OFFICIAL,
        "epochs": 0,
        "batch": 0,
        "lr": 2e-3,
        "beta1": 0.9,
        "beta2": 0.99,
        "n_critic": 1,
        "gp_weight": 0.0,
        "width": 0,
        "depth": 0,
        "ema_decay": 0.999,
        "targets": 128,
        "tail": 0.001,
        "sweep": True,
    },
    training_keys=(
        *TRAINER_KEYS,
        *SELECTION_KEYS,
        *("clusters", "targets", "depth", "ema_decay", "tail"),
    ),
    image_px=(28, 32, 64),  # larger ones take seconds each to draw, pixel by pixel
    sizes=SIZES,
    words={
        "temperature": "of the softmax that pixels are drawn from",
        "clusters": "of alike pictures that are told apart; 1: none",
        "targets": "of each image that are learnt in a step; 0: all",
        "depth": "of the trunk",
        "tail": "values together less likely than this are not drawn",
    },
    idea="A model draws each pixel given those before it.",
    first_keys=("minutes", "width", "depth"),
)
