"""What the report's terms and numbers mean, in a line each.

Who adds a metric adds its line here; a test asks for it.
"""

from collections.abc import Mapping
from typing import Any

RECIPE = "A recipe is one way to train a generator and to draw pictures from it."
_FID = (
    "FID",
    "Frechet Inception distance: how far the features of generated pictures lie from those of real "
    "ones. Features are 2,048 numbers by which the network Inception-V3 sums up a picture. "
    "0 is the same, and lower is better.",
)
_FLOOR = (
    "floor",
    "the FID that as many other real pictures get. So few never reach 0, and an ideal generator "
    "would come to about the floor.",
)
_CURATION = (
    "curation",
    "the pictures submitted were chosen by FID out of a larger pool. So their FID is held to the "
    "half of the real pictures that did not choose them.",
)

# The numbers under `details` of metrics.json.
DETAILS: Mapping[str, str] = {
    "kid": "like FID, but without its bias for few pictures; 0 is the same, and noise may make it "
    "negative",
    "kid_spread": "how much KID varies between parts of the pictures",
    "precision": "share of generated pictures that lie among the real ones; 1 is best",
    "recall": "share of real pictures that lie among the generated ones: variety; 1 is best",
    "density": "how densely generated pictures lie where real ones are; about 1 is best",
    "coverage": "share of real pictures with a generated one close by; 1 is best",
    "mifid": "FID, raised where generated pictures are too like training pictures",
    "memorisation_distance": "mean distance of a generated picture's features to the nearest "
    "training picture's; 0 for copies",
    "memorisation_distance_real": "the same of real pictures: what is honest",
    "memorisation_against": "real pictures that both were compared with",
    "rank_bound": "part of FID that so few pictures cannot avoid, for their features span fewer "
    "directions than real ones",
    "fid_20000": "FID of 20,000 pictures without curation, as papers quote it",
    "copying": "whether generated pictures are copies of training pictures, or near, alike or far "
    "compared with unseen real ones",
    "nearest_training_rms": "grey levels a pixel to the nearest training picture, median; 0 is a "
    "copy",
    "nearest_training_rms_unseen": "the same of real pictures that no generator saw",
    "nearest_images": "pictures of either kind that were compared",
    "exact_copies": "of them, generated ones that equal a training picture",
    "exact_copies_unseen": "of them, unseen real ones that equal a training picture",
}

# What a run was made from.
ORIGIN: Mapping[str, str] = {
    "bundle_sha256": "hash of the kernel's script",
    "data_sha256": "hash of the competition's data",
    "weights_file": "with Inception's weights",
    "weights_sha256": "hash of that file",
    "random_weights": "whether features mean nothing",
    "extractor": "what computes features",
    "device": "what trained",
    "versions": "of Python and packages",
}


def list_terms(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Metrics so far -> terms that the page uses, each with its meaning."""
    terms = [
        ("fid" in metrics, _FID),
        (metrics.get("floor") is not None, _FLOOR),
        (bool(metrics.get("curated")), _CURATION),
    ]
    return [term for is_used, term in terms if is_used]
