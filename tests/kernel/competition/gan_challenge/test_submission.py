"""submission.csv and images.zip: what is written is what is read, and what is wrong is refused."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.base.errors import PipelineError
from lib.kernel.competition.gan_challenge.submission import (
    FEATURES,
    read_images,
    read_submission,
    verify_submission,
    write_images,
    write_submission,
)

pytestmark = pytest.mark.ships


COUNT = 12


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8)


def fake_features(images: np.ndarray) -> np.ndarray:
    """(N, 3, 32, 32) uint8 -> (N, 2048) float32: the pixels themselves, for speed."""
    return images.reshape(len(images), -1)[:, :FEATURES].astype(np.float32) / 255


def write_both(folder: Path, images: np.ndarray) -> tuple[Path, Path]:
    table, archive = folder / "submission.csv", folder / "images.zip"
    write_submission(table, fake_features(images))
    write_images(archive, images)
    return table, archive


def test_csv_is_the_hosts_and_exact(tmp_path: Path) -> None:
    features = np.random.default_rng(1).normal(size=(COUNT, FEATURES)).astype(np.float32)
    write_submission(tmp_path / "submission.csv", features)
    table = pd.read_csv(tmp_path / "submission.csv", dtype={"id": str})
    assert list(table.columns) == ["id", *(f"f{k}" for k in range(FEATURES))]
    assert table["id"].tolist() == [f"dig-{k:06d}" for k in range(COUNT)]
    assert np.array_equal(table.iloc[:, 1:].to_numpy().astype(np.float32), features)
    assert np.array_equal(read_submission(tmp_path / "submission.csv"), features)


def test_zip_holds_the_images_under_their_ids(tmp_path: Path, images: np.ndarray) -> None:
    write_images(tmp_path / "images.zip", images)
    assert np.array_equal(read_images(tmp_path / "images.zip"), images)
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert archive.namelist()[3] == "dig-000003.png"


def test_equal_images_give_equal_bytes(tmp_path: Path, images: np.ndarray) -> None:
    write_images(tmp_path / "one.zip", images)
    write_images(tmp_path / "two.zip", images.copy())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_features_that_are_not_finite_never_reach_the_file(tmp_path: Path) -> None:
    features = np.zeros((COUNT, FEATURES), np.float32)
    features[7, 3] = np.nan
    with pytest.raises(PipelineError, match=r"rows \[7\]"):
        write_submission(tmp_path / "submission.csv", features)
    assert list(tmp_path.iterdir()) == []


def test_verifier_accepts_what_belongs_together(tmp_path: Path, images: np.ndarray) -> None:
    table, archive = write_both(tmp_path, images)
    assert verify_submission(table, archive, COUNT, 5, 0, fake_features) == 0.0


def test_verifier_refuses_features_of_another_image(tmp_path: Path, images: np.ndarray) -> None:
    table, archive = write_both(tmp_path, images)
    write_submission(table, fake_features(np.roll(images, 1, axis=0)))
    with pytest.raises(PipelineError, match="differ from those of its image"):
        verify_submission(table, archive, COUNT, COUNT, 0, fake_features)


def test_verifier_refuses_a_missing_row(tmp_path: Path, images: np.ndarray) -> None:
    table, archive = write_both(tmp_path, images)
    write_submission(table, fake_features(images[:-1]))
    with pytest.raises(PipelineError, match="counts differ"):
        verify_submission(table, archive, COUNT, COUNT, 0, fake_features)
