"""Draw the first population for FID as a loss: features of samples, batch by batch."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from lib.base.errors import PipelineError
from lib.base.log import Progress

FIRST = 8  # samples for each of the D features: 16,384 for Inception's 2,048
LEAST = 4  # samples for each feature; fewer are refused
_TIME_SHARE = 0.5  # of the time; the steps have the rest


def draw_population(look: Callable[[int], Tensor], width: int, until: float) -> Tensor:
    """(batch's number -> (B, D) features, D, a value of time.monotonic()) -> (n, D) features.

    n is 8 D, or less where half of the time does not suffice, but more than 4 D. The noise of n
    samples gives even a perfect generator a gradient of about sqrt(D / n) / 2 of its own spread.
    So with few samples it would learn to fill the gaps of that sample. Where even 4 D take too
    long, measured by the second batch, PipelineError is raised.
    """
    batches = [look(0)]
    _wait(batches[0])
    started = time.monotonic()
    batches.append(look(1))
    _wait(batches[1])
    batch_s, size = max(time.monotonic() - started, 1e-9), len(batches[0])
    wanted, least = -(-FIRST * width // size), LEAST * width // size + 1
    spare_s = _TIME_SHARE * (until - time.monotonic())
    fitting = int(min(wanted, 2 + spare_s / batch_s))
    if fitting < least:
        raise _refuse(least * size, (least - 2) * batch_s, spare_s)
    progress = Progress("fid loss", fitting * size, "images of the first population")
    while len(batches) < fitting:
        if time.monotonic() > until:
            raise _refuse(fitting * size, fitting * batch_s, spare_s)
        batches.append(look(len(batches)))
        _wait(batches[-1])
        progress.update(len(batches) * size)
    return torch.cat(batches)


def _wait(features: Tensor) -> None:
    features[0, 0].item()  # waits until a GPU is done


def _refuse(count: int, needed_s: float, spare_s: float) -> PipelineError:
    return PipelineError(
        "fid loss",
        f"a first population of {count:,} images takes {needed_s:.0f} s, half of the stretch is "
        f"{max(spare_s, 0.0):.0f} s",
        cure="a longer run, or a larger share: --set fid_loss=0.1",
    )
