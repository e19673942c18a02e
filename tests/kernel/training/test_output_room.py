"""training.output_room: snapshots stay within Kaggle's limits of files and bytes, old ones go."""

from pathlib import Path

import pytest

from lib.base.kaggle_limits import OUTPUT_BYTES, OUTPUT_FILES
from lib.kernel.training import snapshots
from lib.kernel.training.output_room import OutputRoom
from tests.kernel.training.test_train import run, small_config

pytestmark = pytest.mark.ships

KEPT = ("submission.csv", "report.html", "deep/er/file")


def fill(output: Path, epochs: int, size: int = 10) -> None:
    """An output with files that no snapshot may displace, and the snapshots of so many epochs."""
    names = [f"checkpoints_v1/G_epoch_{k:03d}.pth" for k in range(1, epochs + 1)]
    names += [f"samples_v1/epoch_{k:03d}.png" for k in range(1, epochs + 1)]
    for name in (*KEPT, *names):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_bytes(bytes(size))


def count(output: Path) -> int:
    return sum(path.is_file() for path in output.rglob("*"))


def test_what_fits_stays(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    assert OutputRoom(tmp_path).make(2, 1000) == []
    assert OutputRoom(tmp_path, files=11).make(2, 0) == []
    assert OutputRoom(tmp_path / "missing").make(2, 0) == []


def test_the_oldest_checkpoints_go_first_then_the_oldest_grids(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    names = [f"G_epoch_00{k}.pth" for k in (1, 2, 3)] + ["epoch_001.png", "epoch_002.png"]
    assert OutputRoom(tmp_path, files=9).make(1, 0) == names[:1]
    assert OutputRoom(tmp_path, files=6).make(2, 0) == names[1:5]
    assert OutputRoom(tmp_path, files=0).make(2, 0) == ["epoch_003.png"]
    assert all((tmp_path / name).is_file() for name in KEPT)


def test_bytes_count_as_files_do(tmp_path: Path) -> None:
    fill(tmp_path, 3, size=100)
    gone = OutputRoom(tmp_path, size=900).make(2, 150)
    assert gone == ["G_epoch_001.pth", "G_epoch_002.pth"]


def test_epoch_1000_is_newer_than_epoch_999(tmp_path: Path) -> None:
    for number in (998, 999, 1000, 1001):
        path = tmp_path / "checkpoints_v1" / f"G_epoch_{number:03d}.pth"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert OutputRoom(tmp_path, files=4).make(2, 0) == ["G_epoch_998.pth", "G_epoch_999.pth"]


def test_a_thousand_epochs_leave_room_for_all_that_follows(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    room = OutputRoom(tmp_path)
    for epoch in range(970, 1001):
        room.make(2, 20)
        for name in (
            f"checkpoints_v1/G_epoch_{epoch:03d}.pth",
            f"samples_v1/epoch_{epoch:03d}.png",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(bytes(10))
    assert count(tmp_path) <= OUTPUT_FILES - 50 < OUTPUT_BYTES
    assert (tmp_path / "checkpoints_v1" / "G_epoch_1000.pth").is_file()
    assert (tmp_path / "samples_v1" / "epoch_1000.png").is_file()
    assert all((tmp_path / name).is_file() for name in KEPT)


def test_a_training_with_a_snapshot_of_each_epoch_stays_within_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(snapshots, "OutputRoom", lambda output: OutputRoom(output, files=7))
    config = small_config("first-seed", steps=0, epochs=9, save_every=1, batch=32, width=1)
    output = tmp_path / "leave"
    output.mkdir()
    (output / "submission.csv").write_text("id\n")
    run(tmp_path, config)
    assert count(output) <= 7
    assert (output / "submission.csv").read_text() == "id\n"
    assert (output / "checkpoints_v1" / "G_epoch_009.pth").is_file()
    assert (output / "samples_v1" / "epoch_009.png").is_file()
    assert capsys.readouterr().out.count("limit of files or bytes is near") == 1
