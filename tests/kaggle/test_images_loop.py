"""The skeleton of pictures through the whole loop: pushed, run for real, fetched, submitted."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.kernel.metrics.inception import load_inception
from tests.kaggle_prompt import Prompt
from tests.kaggle_server import KaggleServer
from tests.kaggle_state import INCEPTION

COUNT, SIDE, SAMPLES = 30, 28, 12
SMALL = ("steps=3", "width=8", "batch=4", "fid_loss=0", "floor_draws=2", "sweep=false")


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    """A prompt whose Kaggle runs what is pushed and counts the pictures that are submitted."""
    server = KaggleServer(tmp_path / "kaggle")
    server.pending_polls = 0
    server.judge = lambda content, _: {"publicScore": str(len(read_names(content)))}
    data, weights = tmp_path / "data", tmp_path / "weights"
    data.mkdir()
    weights.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE * SIDE))
    header = ",".join(f"pixel{place}" for place in range(SIDE * SIDE))
    np.savetxt(data / "train.csv", pixels, "%d", ",", header=header, comments="")
    state = load_inception(None, 0, torch.device("cpu")).state_dict()
    torch.save({name: value.half() for name, value in state.items()}, weights / "stand-in.pth")
    server.competitions["cat-pictures"], server.inception = data, weights
    yield Prompt(tmp_path, server)
    server.close()
    assert not server.connects, "something tried to leave the machine"


def read_names(content: bytes) -> list[str]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return archive.namelist()


@pytest.mark.slow
def test_pictures_of_new_go_through_the_whole_loop(prompt: Prompt, tmp_path: Path) -> None:
    prompt.build("new", "cat-pictures", "--kind", "images")
    prompt.build("init", "--owner", "ada")
    path = prompt.root / "kernel-metadata.json"
    sources = {"competition_sources": ["cat-pictures"], "dataset_sources": [INCEPTION]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **sources}))
    words = ["push", "--competition", "cat-pictures", "--recipe", "r3gan", "--wait"]
    words += ["--weights", str(tmp_path / "weights" / "stand-in.pth")]
    for text in (*SMALL, f"samples={SAMPLES}", "image_px=32", "curate=false"):
        words += ["--set", text]
    prompt.build(*words)
    assert "compared: FID " in prompt.build("fetch")
    sent = prompt.build("submit", "-m", "cats")
    assert f"images.zip: {SAMPLES} pictures of 32 px" in sent
    (submission,) = prompt.server.submissions
    assert read_names(submission["content"]) == [f"{number:05}.png" for number in range(SAMPLES)]
    (row,) = json.loads(prompt.build("runs", "--json"))
    assert (row["competition"], row["public"]) == ("cat-pictures", float(SAMPLES))
    assert row["fid"] > 0
