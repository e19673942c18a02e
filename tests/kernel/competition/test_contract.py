"""competition.contract: images of another form are refused, with what was expected and found."""

import dataclasses

import numpy as np
import pytest

from lib.base.errors import PipelineError
from lib.kernel.competition.contract import Images
from lib.kernel.competition.gan_challenge.competition import COMPETITION

pytestmark = pytest.mark.ships
COLOUR = np.zeros((2, 3, 32, 32), np.uint8)
GREY = COLOUR[:, :1]
IMAGES = Images(COLOUR, GREY, COLOUR[:0], GREY[:0], "none is set aside", {})


@pytest.mark.parametrize("training", [GREY, COLOUR])
def test_grey_and_colour_may_be_trained_on(training: np.ndarray) -> None:
    COMPETITION.check(dataclasses.replace(IMAGES, training=training, unseen_own=training), 32)


@pytest.mark.parametrize(
    ("name", "images", "got"),
    [
        ("real", GREY, "(2, 1, 32, 32) uint8"),
        ("unseen", COLOUR[:, :2], "(2, 2, 32, 32) uint8"),
        ("training", COLOUR.transpose(0, 2, 3, 1), "(2, 32, 32, 3) uint8"),
        ("training", COLOUR.astype(np.float32), "(2, 3, 32, 32) float32"),
        ("unseen_own", COLOUR[:, :, :28, :28], "(2, 3, 28, 28) uint8"),
        ("real", COLOUR[0], "(3, 32, 32) uint8"),
    ],
)
def test_another_form_is_refused_with_its_cure(name: str, images: np.ndarray, got: str) -> None:
    with pytest.raises(PipelineError) as caught:
        COMPETITION.check(dataclasses.replace(IMAGES, **{name: images}), 32)
    assert f"GAN Challenge: its {name} images have another form" in str(caught.value)
    assert (caught.value.got, "read_images" in caught.value.cure) == (got, True)
