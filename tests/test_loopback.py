"""The Kaggle on this machine: data are downloaded, a kernel finds the data set that it names."""

import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.kaggle_desk import score
from tests.kaggle_prompt import SOURCE, Prompt, open_prompt
from tests.kaggle_state import COMPETITION, INCEPTION
from tests.loopback import open_kaggle


@pytest.fixture
def data(tmp_path: Path) -> Path:
    shard = tmp_path / "data" / "shard_00" / "data.jsonl"
    shard.parent.mkdir(parents=True)
    shard.write_text("{}\n")
    return tmp_path / "data"


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    yield from open_prompt(tmp_path)


def test_the_real_client_downloads_the_data_once_the_rules_are_accepted(
    prompt: Prompt, data: Path
) -> None:
    prompt.server.data, prompt.server.rules_accepted = data, False
    words = ("competitions", "download", COMPETITION, "-p", "data")
    with prompt.start(str(Path(sys.executable).with_name("kaggle")), *words) as refused:
        assert "403 Client Error: Forbidden" in "".join(refused.communicate(timeout=60))
    prompt.server.rules_accepted = True
    prompt.kaggle(*words)
    with zipfile.ZipFile(prompt.root / "data" / f"{COMPETITION}.zip") as archive:
        assert archive.namelist() == ["shard_00/data.jsonl"]


def test_a_kernel_sees_the_data_and_the_data_sets_that_it_names(tmp_path: Path, data: Path) -> None:
    weights = tmp_path / "inception.pth"
    weights.write_bytes(b"weights")
    server = open_kaggle(tmp_path / "server", data, weights)
    text = "import os, pathlib; print(sorted(os.listdir(os.environ['KERNEL_INPUT'])))"
    for sources in ([], [INCEPTION]):
        server._save("ada/k", {"text": text, "slug": "ada/k", "datasetDataSources": sources})
    server.close_runs()
    server.close()
    said = [json.dumps(version.events) for version in server.versions["ada/k"]]
    assert "inception" not in said[0]
    assert "['inception', 'test-gan-competition']" in said[1]


def test_a_submission_is_scored_by_fid_where_there_is_a_reference() -> None:
    features = np.random.default_rng(0).random((40, 6))
    table = pd.DataFrame(features, index=[f"dig-{k:06d}" for k in range(40)]).rename_axis("id")
    buffer = io.BytesIO(table.to_csv().encode())
    own = score(buffer.getvalue(), np.repeat(features, 2, axis=0))
    assert max(abs(float(value)) for value in own.values()) < 0.02
    assert float(score(buffer.getvalue(), features + 3)["publicScore"]) == pytest.approx(54, abs=1)


def test_the_command_prints_variables_and_serves(tmp_path: Path, data: Path) -> None:
    words = [sys.executable, "-m", "tests.loopback", str(data), str(tmp_path / "kaggle")]
    with subprocess.Popen(words, cwd=SOURCE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        said = ""
        while "#" not in said and (line := serving.stdout.readline()):
            said += line
        serving.send_signal(signal.SIGINT)
    assert "export KAGGLE_API_ENVIRONMENT=LOCALHOST" in said
    assert "export HTTP_PROXY=http://127.0.0.1:" in said
    assert serving.returncode == 0
