"""A Config and the device -> the Config with its automatic values filled in, and the reasons."""

import dataclasses
from typing import Any

from lib.kernel.configuration.config import Config
from lib.kernel.configuration.preset import Preset

_GPU_POOL, _CPU_POOL = 20_000, 5_000
_CPU_REAL = 10_000  # images, ten minutes of Inception on two cores
_CPU_EPOCH_FID = 200
_GPU_FID_LOSS = 0.05
_GPU_TRIAL, _CPU_TRIAL = 2000, 250


def fill_defaults(config: Config, preset: Preset, is_cuda: bool) -> tuple[Config, list[str]]:
    """(config, its preset, whether there is a GPU) -> the config with zeros filled in, reasons."""
    chosen: dict[str, Any] = {}
    reasons = []
    if config.curate and not config.pool:
        chosen["pool"] = max(_GPU_POOL if is_cuda else _CPU_POOL, config.samples)
        reasons.append(f"a pool of {chosen['pool']:,} ({'GPU' if is_cuda else 'CPU'} default)")
    if not config.real_limit and not is_cuda:
        chosen["real_limit"] = _CPU_REAL
        reasons.append(f"at most {_CPU_REAL:,} real images serve for FID (CPU default)")
    if config.epoch_fid > _CPU_EPOCH_FID and not is_cuda:
        chosen["epoch_fid"] = _CPU_EPOCH_FID
        reasons.append(f"FID of each epoch by {_CPU_EPOCH_FID} images (CPU default)")
    if preset.candidates and not config.trial:
        chosen["trial"] = _GPU_TRIAL if is_cuda else _CPU_TRIAL
        kind = "GPU" if is_cuda else "CPU"
        reasons.append(f"trials of {chosen['trial']:,} images for each FID ({kind} default)")
    if config.fid_loss < 0:
        chosen["fid_loss"] = _GPU_FID_LOSS if is_cuda else 0.0
        reasons.append(f"FID as a loss for {chosen['fid_loss']:.0%} of training (by the device)")
    return dataclasses.replace(config, **chosen), reasons
