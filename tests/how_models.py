"""Runs of first-seed, second-seed and pixel -> their samples, curves, clusters and surprises."""

import argparse
import io
import itertools
import json
import math
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from lib.base.tensor_files import read_state
from lib.commands.offline.shard_records import read_records
from lib.kernel.competition.gan_challenge.decode_policy import Policy
from lib.kernel.competition.gan_challenge.decode_record import DecodedRecord, decode_record
from lib.kernel.competition.gan_challenge.shards import find_shards
from lib.kernel.device.device import choose_device
from lib.kernel.recipes.pixel.model import PixelModel
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling.model_file import Model, read_model
from tests.plots import SCALE, Axis, Numbers, Series, draw_plot, make_sheet, save

RECORDS = 2000  # looked at of the real ones
COLUMNS = 10  # pictures in a row
EPOCHS = 5  # shown, at most
LAMBDAS = {"first-seed": 10.0, "second-seed": 5.0}  # weights of the gradient penalty
KINDS = ("box", "inverse box", "dots", "soft dots")


def draw_wgan(options: argparse.Namespace) -> Numbers:
    """Draw what both WGAN-GPs make of these data, by epoch too, and what their critics say."""
    names = tuple(LAMBDAS)
    real = _read_real(options)
    sheet = [("real", _as_rows(real[:COLUMNS])), ("", _as_rows(real[COLUMNS : 2 * COLUMNS]))]
    numbers, curves = {"real mid-tones": _describe_tones(real)}, []
    for name in names:
        samples = _read_samples(options.runs / name)
        sheet.append((name, _as_rows(samples[:COLUMNS])))
        sheet.append(("", _as_rows(samples[COLUMNS : 2 * COLUMNS])))
        history = _read_history(options.runs / name)
        curves += _draw_gaps(name, history)
        numbers |= _describe_run(name, options.runs / name, samples) | _describe_gap(name, history)
    save("wgan", make_sheet(sheet, SCALE, 120))
    axes = (
        Axis("minutes of training"),
        Axis("gap of the scores (logarithmic)", True, (1, 10, 100, 1000, 10_000)),
    )
    save("critic", draw_plot(curves, *axes), 255)
    grids = sorted((options.runs / names[0] / "samples_v1").glob("epoch_*.png"))
    shown = [grids[round(k)] for k in np.linspace(0, len(grids) - 1, min(EPOCHS, len(grids)))]
    rows = [(f"epoch {int(path.stem[-3:])}", _cut_grid(path, COLUMNS)) for path in shown]
    save("epochs", make_sheet(rows, SCALE, 120))
    numbers |= _count_kinds("real", real)
    return numbers | {"first-seed epochs": str(len(grids))}


def _draw_gaps(name: str, history: list[dict[str, float]]) -> list[Series]:
    """A WGAN's history -> the gap of the critic's scores, and the same at slope 1."""
    shown = [row for row in history if row["critic"] < -2]
    gaps = [(row["seconds"] / 60, -row["critic"]) for row in shown]
    even = [(row["seconds"] / 60, -row["critic"] / _find_slope(row)) for row in shown]
    words = f"{name}, divided by the slope"
    return [Series(name, gaps, False), Series(words, even, False)]


def _find_slope(row: dict[str, float]) -> float:
    """A row of a history -> how steep the critic is, of a penalty (slope - 1)^2."""
    return 1 + math.sqrt(row["penalty"])


def _describe_gap(name: str, history: list[dict[str, float]]) -> Numbers:
    last = history[-1]
    distance = -last["critic"] / _find_slope(last)
    return {
        f"{name} gap": f"{-last['critic']:.1f}",
        f"{name} penalty": f"{last['penalty']:.2f}",
        f"{name} slope": f"{_find_slope(last):.2f}",
        f"{name} distance": f"{distance:.1f}",
        f"{name} best slope": f"{1 + distance / (2 * LAMBDAS[name]):.2f}",
        f"{name} steps": f"{last['step']:,.0f}",
        f"{name} minutes": f"{last['seconds'] / 60:.1f}",
    }


def draw_pixel(options: argparse.Namespace) -> Numbers:
    """Draw pixel's samples, some of its clusters, and which pixels surprise it."""
    real, pool = _read_real(options), np.load(options.runs / "pixel.scratch" / "pool.npy")
    rows = [_as_rows(pool[start : start + COLUMNS]) for start in range(0, 4 * COLUMNS, COLUMNS)]
    save("pixel", make_sheet([("pixel", rows[0]), *[("", row) for row in rows[1:]]], SCALE, 120))
    path = next(iter(sorted((options.runs / "pixel.scratch" / "train").rglob("model*.pt"))))
    model = Model(path, load_recipe("pixel"), make_config("pixel", {}))
    network = read_model(model, choose_device())
    assert isinstance(network, PixelModel)
    _draw_clusters(network, real, pool)
    nats = _draw_surprise(network, real)
    history = _read_history(options.runs / "pixel")
    losses = [row["held_out_nll"] for row in history if "held_out_nll" in row]
    return nats | {
        "pixel mid-tones": _describe_tones(pool),
        "pixel steps": f"{history[-1]['step']:,.0f}",
        **_count_kinds("pixel", pool),
        "pixel clusters": str(len(network.codebook.shares)),
        "pixel held-out nats": f"{losses[-1]:.3f}",
        "nats of a fair coin": f"{math.log(2):.3f}",
        "nats of an even guess": f"{math.log(256):.2f}",
    }


def _draw_clusters(network: PixelModel, real: np.ndarray, pool: np.ndarray) -> None:
    """Draw the largest cluster of each kind: its real pictures, and samples that belong to it."""
    numbers = [network.codebook.assign(torch.from_numpy(one[:, :1])) for one in (real, pool)]
    shares, kinds, rows = network.codebook.shares, name_kinds(real), []
    for kind in KINDS:
        counts = torch.bincount(numbers[0][torch.from_numpy(kinds == kind)], minlength=len(shares))
        cluster = int(counts.argmax())
        chosen = [
            one[(of == cluster).numpy()][: COLUMNS // 2]
            for one, of in zip((real, pool), numbers, strict=True)
        ]
        words = f"{kind}:\n{100 * float(shares[cluster]):.1f} % of all"
        rows.append((words, [*_as_rows(chosen[0]), *_as_rows(chosen[1])]))
    save("clusters", make_sheet(rows, SCALE, 130, split=COLUMNS // 2))


def name_kinds(images: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) uint8 -> (N,) names of KINDS.

    Soft dots have grey pixels. In a box no row and no column changes its value more than twice.
    """
    grey = images[:, 0].astype(int)
    changes = [np.abs(np.diff(grey, axis=axis)) > 127 for axis in (1, 2)]
    most = np.maximum(*(one.sum(axis).max(1) for axis, one in zip((1, 2), changes, strict=True)))
    flat = np.where(grey.mean((1, 2)) > 127, KINDS[0], KINDS[1])
    crisp = np.where(most > 2, KINDS[2], flat)
    return np.where(_share_of_mid_tones(images) > 0.03, KINDS[3], crisp)


def _count_kinds(name: str, images: np.ndarray) -> Numbers:
    kinds = name_kinds(images)
    return {f"{name}, {kind}": f"{100 * (kinds == kind).mean():.1f}" for kind in KINDS}


def _draw_surprise(network: PixelModel, real: np.ndarray) -> Numbers:
    """Draw how unlikely the model found each pixel of some real pictures, in nats."""
    tones, means = _share_of_mid_tones(real), real[:, 0].mean((1, 2)) / 255
    boxes, dots = (tones == 0) & (means > 0.6), (tones == 0) & (means < 0.2)
    chosen = [*np.flatnonzero(boxes)[:3], *np.flatnonzero(dots)[:4], *np.flatnonzero(tones > 0.2)]
    images = torch.from_numpy(np.ascontiguousarray(real[chosen[: COLUMNS - 1], :1]))
    codes = network.codebook.assign(images)
    nats = []
    for image, code in zip(images, codes, strict=True):
        places = torch.arange(image[0].numel())[None]
        logits = network(image[None], places, code[None])[0, :, 0]
        nats.append(F.cross_entropy(logits, image.flatten().long(), reduction="none"))
    each = torch.stack(nats).view(len(images), *images.shape[2:]).numpy()
    shade = (255 * (1 - np.clip(each / 5, 0, 1))).astype(np.uint8)
    rows = [("a real picture", _as_rows(images.numpy())), ("its surprise", list(shade))]
    save("surprise", make_sheet(rows, SCALE, 130))
    box, dot = each[0], each[3]
    return {
        "nats of a box": f"{box.sum():.0f}",
        "nats of dots": f"{dot.sum():.0f}",
        "pixels of a box above 0.1 nats": str(int((box > 0.1).sum())),
    }


def _read_real(options: argparse.Namespace) -> np.ndarray:
    """The first records -> (N, 3, 32, 32) uint8, official."""
    lines = itertools.islice(read_records(find_shards(options.input)), RECORDS)
    decoded = [decode_record(line.raw, Policy()) for line in lines]
    return np.stack([one.pixels for one in decoded if isinstance(one, DecodedRecord)])


def _read_samples(folder: Path) -> np.ndarray:
    """A run's images.zip -> (N, 3, 32, 32) uint8."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        files = [io.BytesIO(archive.read(name)) for name in names]
    return np.stack([np.asarray(Image.open(one).convert("RGB")) for one in files]).transpose(
        0, 3, 1, 2
    )


def _read_history(folder: Path) -> list[dict[str, float]]:
    """A run's output -> the losses of its training, from its last checkpoint."""
    train = folder.with_name(f"{folder.name}.scratch") / "train"
    state = read_state(max(train.rglob("checkpoint_*.pt")), torch.device("cpu"))
    history: list[dict[str, float]] = state["standing"]["history"]
    return history


def _as_rows(images: np.ndarray) -> list[np.ndarray]:
    """(N, C, H, W) uint8 -> (H, W, 3) pictures."""
    return list(np.broadcast_to(images, (len(images), 3, *images.shape[2:])).transpose(0, 2, 3, 1))


def _cut_grid(path: Path, count: int) -> list[np.ndarray]:
    """A grid of make_grid's, 8 columns at scale 2 -> its first pictures."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    corners = [(2 + number // 8 * 66, 2 + number % 8 * 66) for number in range(count)]
    return [pixels[y : y + 64 : 2, x : x + 64 : 2] for y, x in corners]


def _share_of_mid_tones(images: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) uint8 -> (N,) share of pixels that are neither near black nor near white."""
    return ((images[:, 0] > 25) & (images[:, 0] < 230)).mean((1, 2))


def _describe_tones(images: np.ndarray) -> str:
    return f"{100 * float(_share_of_mid_tones(images).mean()):.1f}"


def _describe_run(name: str, folder: Path, samples: np.ndarray) -> Numbers:
    """A run -> what its metrics.json says of it, and the mid-tones of its samples."""
    found = json.loads((folder / "metrics.json").read_text())
    fid, floor = found["fid_random"], found["floor"]
    return {
        f"{name} mid-tones": _describe_tones(samples),
        f"{name} FID": f"{fid:.4f}" if fid < 0.1 else f"{fid:.2f}",
        f"{name} floor": f"{floor:.4f}",
        f"{name} floor error": f"{found['floor_se']:.4f}",
        f"{name} floors": f"{fid / floor:,.1f}" if fid < 9.95 * floor else f"{fid / floor:,.0f}",
        f"{name} steps": f"{found['steps']:,}",
        f"{name} images a second": f"{found['images_per_s']:,.0f}",
    }
