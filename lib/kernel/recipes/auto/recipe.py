"""The Recipe of auto: its candidates compete by successive halving."""

from lib.kernel.recipe import Contest, Recipe
from lib.kernel.recipes.auto.candidates import tell_candidates
from lib.kernel.recipes.auto.preset import AUTO_PRESET
from lib.kernel.recipes.auto.successive_halving import train_candidates
from lib.kernel.recipes.edm.recipe import EDM
from lib.kernel.recipes.pixel.recipe import PIXEL
from lib.kernel.recipes.r3gan.recipe import R3GAN
from lib.kernel.training.weight_selection import WeightSelection

AUTO = Recipe(
    AUTO_PRESET,
    state_form=3,
    observer=WeightSelection,
    contest=Contest(tell_candidates, train_candidates),
    candidates=(PIXEL, R3GAN, EDM),
)
