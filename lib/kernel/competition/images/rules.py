"""The rules of competition images: square pictures of a side that the user chooses."""

from lib.base.run_files import IMAGES
from lib.kernel.configuration.rules import Rules

FEATURES_FILE = "features.npy"

RULES = Rules(
    name="images",
    title="Pictures",
    keys=("image_px", "image_name"),
    first_keys=("image_px",),
    image_px=range(8, 129),
    task="Trains a generator of pictures of any kind and draws new ones, scored by the FID of "
    "their Inception-V3 features.",
    reads="Picture files, numpy arrays, CIFAR's batches or idx files, in folders, zips or tars at "
    "any depth below /kaggle/input.",
    writes="images.zip with the new pictures and features.npy with their features, into "
    "/kaggle/working.",
    files=(IMAGES, FEATURES_FILE),
)
