"""The rules of competition images: square pictures of a side that the user chooses."""

from lib.base.run_files import IMAGES
from lib.kernel.configuration.rules import Rules

FEATURES_FILE = "features.npy"

RULES = Rules(
    name="images",
    title="Pictures",
    keys=("image_px", "image_name"),
    image_px=range(8, 129),
    files=(IMAGES, FEATURES_FILE),
)
