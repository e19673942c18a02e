"""The preset of recipe auto: its candidates and the values of the run itself."""

from lib.kernel.configuration.config import OFFICIAL
from lib.kernel.configuration.preset import Preset
from lib.kernel.recipes.edm.preset import EDM_PRESET
from lib.kernel.recipes.pixel.preset import PIXEL_PRESET
from lib.kernel.recipes.r3gan.preset import R3GAN_PRESET

CANDIDATES = (PIXEL_PRESET, R3GAN_PRESET, EDM_PRESET)
_KINDS = "pixel (autoregressive), r3gan (a GAN) and edm (diffusion)"

AUTO_PRESET = Preset(
    name="auto",
    defaults={
        "policy": OFFICIAL,
        "epochs": 0,
        "batch": 0,
        "lr": 1e-4,
        "beta1": 0.5,
        "beta2": 0.9,
        "n_critic": 5,
        "gp_weight": 10.0,
        "sweep": True,
    },
    training_keys=(
        *dict.fromkeys(key for candidate in CANDIDATES for key in candidate.training_keys),
        "trial",
    ),
    candidates=CANDIDATES,
    words={
        "recipe": f"what is trained: auto, or one of {_KINDS}",
        "train_minutes": "optimiser time of all candidates",
    },
    idea=f"{_KINDS} compete for the time; the one of the lowest FID goes on.",
    first_keys=("minutes", "seed", "pool"),
)
