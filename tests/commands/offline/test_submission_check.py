"""A submission is checked: a whole CSV of real weights and of the bundle that was pushed."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import PipelineError
from lib.commands.offline.submission_check import check_submission
from lib.kernel.competition.image_zip import write_zip
from lib.kernel.configuration.config import as_dict
from lib.kernel.recipes.table import make_config
from tests.kaggle_place import make_outputs

BUNDLE = "ab" * 32
PUSH = {"bundle_sha256": BUNDLE}
OUTPUTS = make_outputs(BUNDLE)


def fetch(folder: Path, csv: bytes = OUTPUTS["submission.csv"], **manifest: object) -> Path:
    """A CSV and fields of the manifest -> a fetched run with these, the hashes right."""
    fields = json.loads(OUTPUTS["run_manifest.json"])
    fields["artefacts"]["submission.csv"] = sha256(csv).hexdigest()
    (folder / "submission.csv").write_bytes(csv)
    (folder / "run_manifest.json").write_text(json.dumps({**fields, **manifest}))
    return folder


def test_whole_csv_of_the_pushed_bundle_passes(tmp_path: Path) -> None:
    checked = check_submission(fetch(tmp_path), PUSH)
    assert checked.path == tmp_path / "submission.csv"
    assert checked.sha256 == sha256(OUTPUTS["submission.csv"]).hexdigest()
    assert checked.contents == "1,000 rows, finite"
    assert checked.origin == f"made by bundle {BUNDLE[:12]} with weights inception.pth abababababab"
    assert check_submission(tmp_path, None) == checked  # pushed from elsewhere


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("missing row", "number of rows"),
        ("other id", "dig-000999"),
        ("other header", "another header"),
        ("missing column", "values"),
        ("nan", "line 1001, column f2047.*finite"),
        ("infinity", "line 1001, column f2047.*finite"),
        ("text", "line 1001, column f2047"),
        ("empty", "another header"),
    ],
)
def test_broken_csv_is_refused(tmp_path: Path, how: str, word: str) -> None:
    csv = OUTPUTS["submission.csv"]
    head, last = csv.rstrip(b"\n").rsplit(b"\n", 1)
    first_cells = last.rsplit(b",", 1)[0]
    broken = {
        "missing row": head + b"\n",
        "other id": head + b"\n" + last.replace(b"dig-000999", b"dig-001000") + b"\n",
        "other header": csv.replace(b"f2047", b"f2048", 1),
        "missing column": head + b"\n" + first_cells + b"\n",
        "nan": head + b"\n" + first_cells + b",nan\n",
        "infinity": head + b"\n" + first_cells + b",1e999\n",
        "text": head + b"\n" + first_cells + b",x\n",
        "empty": b"",
    }
    with pytest.raises(PipelineError, match=f"submit: .*{word}"):
        check_submission(fetch(tmp_path, broken[how]), PUSH)


@pytest.mark.parametrize(
    ("manifest", "word"),
    [
        ({"random_weights": True}, "random weights"),
        ({"weights_file": "random"}, "random weights"),
        ({"weights_file": "", "weights_sha256": ""}, "does not name the Inception weights"),
        ({"weights_sha256": None}, "does not name the Inception weights"),
    ],
)
def test_run_without_real_weights_is_refused(
    tmp_path: Path, manifest: dict[str, object], word: str
) -> None:
    with pytest.raises(PipelineError, match=word):
        check_submission(fetch(tmp_path, **manifest), PUSH)


def test_run_of_another_bundle_or_with_a_changed_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="another bundle"):
        check_submission(fetch(tmp_path), {**PUSH, "bundle_sha256": "f" * 64})
    with (tmp_path / "submission.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(PipelineError, match="is not the one that the kernel wrote"):
        check_submission(tmp_path, PUSH)
    (tmp_path / "run_manifest.json").unlink()
    with pytest.raises(PipelineError, match="no manifest"):
        check_submission(tmp_path, PUSH)


def test_of_competition_images_the_zip_is_submitted(tmp_path: Path) -> None:
    config = as_dict(make_config("pixel", {"samples": 3, "image_px": 64}, "images"))
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    write_zip(tmp_path / "images.zip", images, config["image_name"].format)
    digest = sha256((tmp_path / "images.zip").read_bytes()).hexdigest()
    folder = fetch(tmp_path, config=config, artefacts={"images.zip": digest})
    checked = check_submission(folder, PUSH)
    assert (checked.path, checked.sha256) == (tmp_path / "images.zip", digest)
    assert checked.contents == "3 pictures of 64 px"
    fetch(tmp_path, config={**config, "samples": 4}, artefacts={"images.zip": digest})
    with pytest.raises(PipelineError, match="another number of images, expected 4, got 3"):
        check_submission(folder, PUSH)
    fetch(tmp_path, config={**config, "image_name": "{}.png"}, artefacts={"images.zip": digest})
    with pytest.raises(PipelineError, match="names its images otherwise"):
        check_submission(folder, PUSH)
    fetch(tmp_path, config=config, artefacts={"images.zip": "0" * 64})
    with pytest.raises(PipelineError, match="not the one that the kernel wrote"):
        check_submission(folder, PUSH)
    fetch(tmp_path, config=config, artefacts={"images.zip": digest})
    with pytest.raises(PipelineError, match="would go to another competition"):
        check_submission(folder, PUSH, ["test-gan-competition"])
