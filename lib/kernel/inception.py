"""A weights file, or a seed -> Inception-V3: pictures in, 2,048 features out."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lib.kernel.errors import InputError
from lib.kernel.inception_tf import use_tf_layout
from lib.kernel.seeds import derive_seed
from lib.kernel.torchvision_shim import import_torchvision

FEATURES = 2048
TORCHVISION_CLASSES = 1000
TF_CLASSES = 1008  # of the network ported from TensorFlow
INPUT_PX = 299  # side of the pictures that the host's network reads
RANDOM_PX = 75  # the smallest that the network takes: random features mean nothing at any size
_OPTIONAL = ("fc.", "AuxLogits.")  # neither has a part in the features
_CALIBRATION_IMAGES = 4  # of each of four kinds
_CALIBRATION_PX = (12, 107)  # of the noise, and enlarged: less, and the edges weigh too much


def load_inception(
    path: Path | None, seed: int, device: torch.device, *, tf_layout: bool = False
) -> nn.Module:
    """A weights file (None: random ones of that seed) -> (N, 3, S, S) float 0..1 -> (N, 2048).

    The host's network: torchvision's inception_v3 with fc = Identity, in eval mode, without the
    auxiliary head, which only training uses, and with transform_input, which torchvision sets
    beside its pretrained weights (the input goes from ImageNet's mean and deviation to -1..1).
    `tf_layout` is the network ported from TensorFlow instead, which reads -1..1 as it is.
    """
    models = import_torchvision("torchvision.models")
    with torch.device("meta"):  # its own random start takes seconds and would be overwritten
        network = models.Inception3(
            aux_logits=False, transform_input=not tf_layout, init_weights=False
        )
    network.fc = nn.Identity()
    network.to_empty(device="cpu").eval().requires_grad_(False)
    if path is not None:
        load_weights(network, path, TF_CLASSES if tf_layout else TORCHVISION_CLASSES)
    if tf_layout:
        use_tf_layout(network)
    if path is None:
        _set_random_weights(network, seed)
    return network.to(device)


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """An eval-mode Inception-V3 -> the same function with each batch norm inside its convolution.

    As near to float64 as the unfolded network is (5e-5 of a feature's deviation at most, 3e-6
    root mean square, on the stand-in weights), and a third faster on a CPU.
    """
    for block in network.modules():
        norm, convolution = getattr(block, "bn", None), getattr(block, "conv", None)
        if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
            block.conv = fuse_conv_bn_eval(convolution, norm)
            block.bn = nn.Identity()
    return network


def load_weights(network: nn.Module, path: Path, classes: int) -> None:
    """A network and a state dict's file -> the network with exactly those weights, in float32.

    `classes` are the rows of fc.weight, where the file has it: the two layouts share their keys.
    """
    state = read_state(path)
    rows = len(state.get("fc.weight", ()))
    if rows != classes and rows in (TORCHVISION_CLASSES, TF_CLASSES):
        text = f"fc.weight {rows} rows instead of {classes}"
        raise _describe_mismatch(path, "of the other layout", [text])
    own = network.state_dict()
    state = {key: value for key, value in state.items() if not key.startswith(_OPTIONAL)}
    wrong = [
        f"{key} {tuple(value.shape)} instead of {tuple(own[key].shape)}"
        for key, value in state.items()
        if key in own and value.shape != own[key].shape
    ]
    if wrong:
        raise _describe_mismatch(path, "of wrong shape", wrong)
    missing, unexpected = network.load_state_dict(state, strict=False)
    if missing:
        raise _describe_mismatch(path, "missing", missing)
    if unexpected:
        raise _describe_mismatch(path, "unexpected", unexpected)


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict's file -> name -> tensor, floats cast to float32; nothing in it is executed."""
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            "weights",
            f"{path} cannot be read",
            expected="a state dict saved by torch",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            cure="give the file of torchvision's inception_v3",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(
            "weights",
            f"{path} holds no state dict",
            expected="names and tensors",
            got=type(state).__name__,
            cure="save network.state_dict() itself, without a wrapper",
        )
    return {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }


def _describe_mismatch(path: Path, how: str, keys: list[str]) -> InputError:
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return InputError(
        "weights",
        f"{path} is not this network's: {len(keys)} keys are {how}",
        expected="torchvision's inception_v3, of which only fc.* and AuxLogits.* may be absent",
        got=", ".join(sorted(keys)[:5]) + more,
        cure="give the file of torchvision's inception_v3, or the extractor that the file is for",
    )


def _set_random_weights(network: nn.Module, seed: int) -> None:
    """A network, a seed -> He-normal convolutions, batch norms calibrated on seeded noise.

    Uncalibrated, 94 layers multiply a small misfit of scale into features of 1e9 or 1e-8. One pass
    in which each batch norm takes the statistics of its own input makes them of size 1. The noise
    has all densities, grey and coloured, hard and soft: a chain of norms blows up what none saw.
    Each norm's bias is 1, so that the ReLU after it clips little: at 0 the chain is chaotic and
    float32 itself is 5e-4 of a feature's deviation away from float64, ten times as far as here.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "random-inception"))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            deviation = (2 / module.weight[0].numel()) ** 0.5
            module.weight.normal_(0.0, deviation, generator=generator)
    for norm in norms:
        norm.reset_parameters()
        norm.bias.fill_(1.0)
        norm.momentum = None  # the statistics of all batches so far: of this one
        norm.train()
    small, large = _CALIBRATION_PX
    with torch.no_grad():
        pictures = _draw_noise(generator, small)
        network(nn.functional.interpolate(pictures, size=(large, large), mode="bilinear"))
    for norm in norms:
        norm.momentum = 0.1
        norm.eval()


def _draw_noise(generator: torch.Generator, side: int) -> Tensor:
    """A generator, a side in pixels -> (4 n, 3, side, side) float32 0..1, four kinds of noise."""
    shape = (_CALIBRATION_IMAGES, 3, side, side)
    density = torch.linspace(0, 1, _CALIBRATION_IMAGES).view(-1, 1, 1, 1)
    hard = (torch.rand(shape, generator=generator) < density).float()
    soft = density * torch.rand(shape, generator=generator)
    grey = [kind[:, :1].expand(shape) for kind in (hard, soft)]
    return torch.cat([hard, soft, *grey])
