"""The rules of my-competition: sides of its pictures, and its files."""

from lib.base.run_files import IMAGES
from lib.kernel.competition.images.rules import FEATURES_FILE
from lib.kernel.configuration.rules import Rules

RULES = Rules(
    name="my-competition",
    title="My Competition",
    keys=("image_px", "image_name"),  # of --set
    defaults={"image_px": 32, "image_name": "{:05d}.png"},
    image_px=range(8, 129),
    files=(IMAGES, FEATURES_FILE),  # the first one is what a submission is
)
