"""Nobody waits before a silent screen: drawing counts from its first chunk on, stages speak."""

import re
import time

import pytest
import torch

from lib.base import log as progress
from lib.base.log import Heartbeat, log
from lib.kernel.device.device import Device
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from tests.small import build_network

CPU = Device(torch.device("cpu"), None, "cpu")


def test_a_silent_stage_says_that_it_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    with Heartbeat(silence_s=0.2) as heartbeat:
        heartbeat.begin("fid")
        time.sleep(0.7)
        heartbeat.begin("verify")
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(re.fullmatch(r"fid: still at work, for \d\.\d s", line) for line in lines)


def test_a_stage_that_speaks_is_not_talked_over(capsys: pytest.CaptureFixture[str]) -> None:
    with Heartbeat(silence_s=5.0) as heartbeat:
        heartbeat.begin("train")
        for _ in range(4):
            log("train", "a line")
            time.sleep(0.05)
    assert capsys.readouterr().out == "train: a line\n" * 4


@pytest.mark.parametrize("recipe", ["pixel", "r3gan", "edm", "first-seed"])
def test_drawing_counts_images_before_its_first_chunk_is_whole(
    recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"width": 8, "depth": 1} if recipe in ("pixel", "edm") else {"width": 8}
    codes = {"clusters": 4} if recipe == "pixel" else {}
    config = make_config(recipe, {**sizes, **codes})
    network = build_network(config, 3 if recipe == "first-seed" else 1).eval()
    monkeypatch.setattr(drawing, "CHUNK", 60)
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    monkeypatch.setattr(drawing, "Progress", lambda *words: progress.Progress(*words, every_s=0.0))
    whole = drawing.draw_images(load_recipe(recipe), network, 120, config, CPU, "sample")
    counts = [
        int(line.split()[1].replace(",", "")) for line in capsys.readouterr().out.splitlines()
    ]
    assert len(whole) == 120
    assert counts[-1] == 120
    assert counts == sorted(counts)
    if recipe in ("pixel", "edm"):  # others draw a chunk in a moment
        assert any(0 < count < 60 for count in counts)
