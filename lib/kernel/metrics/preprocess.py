"""Small uint8 pictures -> the large float pictures that an Inception network reads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from lib.kernel.configuration.config import OFFICIAL, TF_FID
from lib.kernel.metrics.inception import INPUT_PX

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """One way from pixels to the network's input."""

    name: str
    words: str  # for the report
    resize: Callable[[NDArray[np.uint8]], Tensor]  # (3, H, W) -> (3, px, px) uint8, or float
    scale: Callable[[Tensor], Tensor]  # (N, 3, px, px) as resize gives them -> float32
    px: int  # side of the network's pictures
    tf_layout: bool = False  # the network is the one ported from TensorFlow


def list_preprocessings(px: int = INPUT_PX) -> dict[str, Preprocessing]:
    """Side of the network's pictures -> Preprocessing by name; OFFICIAL is the competition's."""
    ways = (
        Preprocessing(
            OFFICIAL,
            "PIL bilinear resize of 8-bit pixels, 0..1, no normalisation (official)",
            partial(resize_bilinear, px=px),
            scale_to_unit,
            px,
        ),
        Preprocessing(
            "imagenet-norm",
            "PIL bilinear resize of 8-bit pixels, then ImageNet normalisation (not official)",
            partial(resize_bilinear, px=px),
            _normalise_imagenet,
            px,
        ),
        Preprocessing(
            "nearest",
            "nearest-neighbour resize, 0..1, no normalisation (not official)",
            partial(_resize_nearest, px=px),
            scale_to_unit,
            px,
        ),
        Preprocessing(
            TF_FID,
            "TensorFlow 1's bilinear resize, -1..1, the network ported from it (not official)",
            partial(_resize_tensorflow, px=px),
            lambda pictures: (pictures - 128) / 128,
            px,
            tf_layout=True,
        ),
    )
    return {way.name: way for way in ways}


def resize_bilinear(image: NDArray[np.uint8], px: int = INPUT_PX) -> Tensor:
    """(3, H, W) uint8 -> (3, px, px) uint8 by Pillow, as torchvision's Resize does."""
    return _resize_by_pillow(image, px, Image.Resampling.BILINEAR)


def resize_on_device(images: Tensor, px: int = INPUT_PX, straight_through: bool = False) -> Tensor:
    """(N, 3, H, W) uint8, or float levels 0..255 -> (N, 3, px, px) 0..1, near to resize_bilinear.

    Pillow resizes the rows, rounds to 8 bits, then resizes the columns. Here a whole batch is
    resized in floating point, so now and then a pixel is rounded to the neighbouring level.
    `straight_through` changes no value; with it, gradients pass the rounding unchanged.
    """
    settle = round_straight_through if straight_through else torch.Tensor.round_
    levels = images if images.is_floating_point() else images.float()
    rows = F.interpolate(levels, (images.shape[2], px), mode="bilinear", align_corners=False)
    wide = F.interpolate(settle(rows), (px, px), mode="bilinear", align_corners=False)
    return settle(wide) / 255


def round_straight_through(values: Tensor) -> Tensor:
    """Any floats -> the nearest whole numbers; gradients pass as if nothing had been rounded."""
    return values + (values.round() - values).detach()


def as_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, C, H, W) uint8, C = 1 or 3 -> (N, 3, H, W), grey triplicated."""
    return np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images


def scale_to_unit(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 -> float32 0..1, equal to ToTensor's to the bit, on any device.

    A GPU divides by multiplying with 1/255, which is off in the last bit. So a table serves there.
    """
    if pictures.device.type == "cpu":
        return pictures.float().div_(255)
    levels = torch.arange(256).float().div_(255).to(pictures.device)
    return levels[pictures.int()]


def _normalise_imagenet(pictures: Tensor) -> Tensor:
    mean, deviation = (
        torch.tensor(values, device=pictures.device).view(1, 3, 1, 1)
        for values in (_IMAGENET_MEAN, _IMAGENET_DEVIATION)
    )
    return (scale_to_unit(pictures) - mean) / deviation


def _resize_nearest(image: NDArray[np.uint8], px: int) -> Tensor:
    return _resize_by_pillow(image, px, Image.Resampling.NEAREST)


def _resize_by_pillow(image: NDArray[np.uint8], px: int, method: Image.Resampling) -> Tensor:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    large = np.array(picture.resize((px, px), method))
    return torch.from_numpy(large).permute(2, 0, 1)


def _resize_tensorflow(image: NDArray[np.uint8], px: int) -> Tensor:
    """(3, H, W) uint8 -> (3, px, px) float32 0..255 as TensorFlow 1's resize_bilinear did.

    Output pixel i lies at i * H / px of the input, without the half-pixel shift; past the last
    input pixel its value is repeated.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(image)).float()
    for axis in (2, 1):
        side = pixels.shape[axis]
        at = torch.arange(px, dtype=torch.float32) * (side / px)
        low = at.floor().long()
        high = (low + 1).clamp(max=side - 1)
        part = (at - low).view([-1 if i == axis else 1 for i in range(3)])
        first, second = pixels.index_select(axis, low), pixels.index_select(axis, high)
        pixels = first + (second - first) * part
    return pixels
