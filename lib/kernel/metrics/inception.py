"""A weights file, or a seed -> Inception-V3: pictures in, 2,048 features out."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lib.base.errors import InputError
from lib.base.seeds import derive_seed
from lib.kernel.metrics.torchvision_import import import_torchvision
from lib.kernel.metrics.weights_kind import CURE, EXPECTED, refuse_wrong_kind

TORCHVISION_CLASSES = 1000
TF_CLASSES = 1008  # of the network ported from TensorFlow
INPUT_PX = 299  # side of the pictures that the official network reads
RANDOM_PX = 75  # the least side that the network takes; random features mean nothing at any size
RANDOM_WARNING = (
    "RANDOM WEIGHTS: the features come from a seeded random network that looks at pictures of "
    f"{RANDOM_PX} px, not from Inception-V3. "
    "They test the machinery; the submission is worthless and its FID says nothing."
)
_OPTIONAL = ("fc.", "AuxLogits.")  # neither has a part in the features
_COUNTER = ".num_batches_tracked"  # of batch norms; only files of later versions of torch have it
_CALIBRATION_IMAGES = 4  # of each of four kinds
_CALIBRATION_PX = (12, 107)  # of the noise, before and after enlarging: in less, edges weigh a lot


def load_inception(
    path: Path | None,
    seed: int,
    device: torch.device,
    *,
    use_tf_layout: Callable[[nn.Module], None] | None = None,
) -> nn.Module:
    """A weights file, or None for random weights of the seed -> Inception-V3 in eval mode.

    It turns (N, 3, S, S) float 0..1 into (N, 2048). It is the official network: torchvision's
    inception_v3 with fc = Identity, without the auxiliary head, which only training uses.
    transform_input is set, as torchvision sets it beside its pretrained weights: the input goes
    from ImageNet's mean and deviation to -1..1. With `use_tf_layout`, of inception_tf.py, it is
    the network ported from TensorFlow instead, which reads -1..1 as it is.
    """
    tf_layout = use_tf_layout is not None
    network = outline_network(tf_layout)
    network.to_empty(device="cpu").eval().requires_grad_(False)
    if path is not None:
        state = match_keys(network, read_state(path), path, tf_layout)
        network.load_state_dict(state, strict=False)  # counters of batches may be absent
    if use_tf_layout:
        use_tf_layout(network)
    if path is None:
        _set_random_weights(network, seed)
    return network.to(device)


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """An eval-mode Inception-V3 -> the same function with each batch norm inside its convolution.

    The result is as near to float64 as the unfolded network's: 5e-5 of a feature's deviation at
    most, 3e-6 root mean square, on the stand-in weights. On a CPU it is a third faster.
    """
    for block in network.modules():
        norm, convolution = getattr(block, "bn", None), getattr(block, "conv", None)
        if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
            block.conv = fuse_conv_bn_eval(convolution, norm)
            block.bn = nn.Identity()
    return network


def outline_network(tf_layout: bool) -> nn.Module:
    """Build torchvision's network without values, its last layer and auxiliary head left out."""
    models = import_torchvision("torchvision.models")
    with torch.device("meta"):  # its own random start takes seconds and would be overwritten
        network: nn.Module = models.Inception3(
            aux_logits=False, transform_input=not tf_layout, init_weights=False
        )
    network.fc = nn.Identity()
    return network


def match_keys(
    network: nn.Module, state: dict[str, Tensor], path: Path, tf_layout: bool
) -> dict[str, Tensor]:
    """(network, state dict, its file) -> the network's own weights out of it, none missing.

    Both layouts have the same keys. The rows of fc.weight, if the file has it, tell them apart.
    """
    classes = TF_CLASSES if tf_layout else TORCHVISION_CLASSES
    rows = next(iter(state["fc.weight"].shape), 0) if "fc.weight" in state else 0
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
    missing = [key for key in own if key not in state and not key.endswith(_COUNTER)]
    if missing:
        raise _describe_mismatch(path, "missing", missing)
    if unexpected := [key for key in state if key not in own]:
        raise _describe_mismatch(path, "unexpected", unexpected)
    return state


def read_state(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """A state dict's file -> its tensors by name, floats as float32; it executes nothing in there.

    On device "meta" the tensors have shapes alone.
    """
    refuse_wrong_kind(path)
    try:
        state: Any = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # whatever bytes make torch raise, the file is at fault
        got = _explain_torch(error)
        raise InputError(
            "weights", f"{path} cannot be read", expected=EXPECTED, got=got, cure=CURE
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
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


def _explain_torch(error: Exception) -> str:
    """What torch.load raised -> a few words, without torch's advice to execute the file."""
    text = str(error)
    if found := re.search(r"(?:GLOBAL|global|class) (\S+)", text):
        return f"a pickle that would call {found[1].strip('.,`')}"
    if isinstance(error, pickle.UnpicklingError):
        return "a pickle of other things than tensors"
    return text.splitlines()[0].split(". ")[0] if text else type(error).__name__


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
    """Draw He-normal convolutions by the seed, and calibrate batch norms on seeded noise.

    Without calibration, 94 layers multiply a small error of scale into features of 1e9 or 1e-8. One
    pass in which each batch norm takes the statistics of its own input brings them to size 1. The
    noise has all densities, grey and coloured, hard and soft, for a chain of norms blows up kinds
    of pictures that it was not calibrated on. Each norm's bias is 1, so that the ReLU after it
    clips little. With a bias of 0 the chain is chaotic: float32 is then 5e-4 of a feature's
    deviation away from float64, ten times as far as here.
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
        norm.momentum = None  # averages over all batches so far, which is one
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
