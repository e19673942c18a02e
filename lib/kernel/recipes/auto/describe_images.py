"""Training images -> a few shares that describe them and that a reader can check."""

from dataclasses import dataclass

import numpy as np

_LOOKED_AT = 5000  # images
_EXTREMES = (0, 255)
_NOISE_LIKE = 0.9  # share of saturated values from which images count as black and white


@dataclass(frozen=True)
class ImageDescription:
    """Properties of the training images that matter to the choice of a recipe."""

    channels: int  # 1 grey, 3 colour
    saturated: float  # share of values that are 0 or 255
    flat: float  # share of neighbouring pixels that are equal

    @property
    def is_binary_like(self) -> bool:
        """Tell whether nearly all values are black or white."""
        return self.saturated >= _NOISE_LIKE

    def describe(self) -> str:
        """Return one sentence for the log and the report."""
        colour = "grey" if self.channels == 1 else "colour"
        kind = "drawn in black and white" if self.is_binary_like else "pictures with tones"
        return (
            f"{colour}, {self.saturated:.0%} of the values are 0 or 255, "
            f"{self.flat:.0%} of the neighbours are equal: {kind}"
        )


def describe_images(images: np.ndarray) -> ImageDescription:
    """(N, C, S, S) uint8 -> ImageDescription, by evenly spread images where there are many."""
    some = images[:: max(1, len(images) // _LOOKED_AT)][:_LOOKED_AT]
    saturated = np.isin(some, _EXTREMES).mean()
    flat = (some[..., 1:] == some[..., :-1]).all(axis=1).mean()
    return ImageDescription(images.shape[1], float(saturated), float(flat))
