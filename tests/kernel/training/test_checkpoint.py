"""lib.kernel.training.checkpoint: whole files only, the older one where the newer is damaged."""

from pathlib import Path

import pytest
import torch

from lib.kernel.training.checkpoint import KEPT, list_checkpoints, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.ships


CPU = torch.device("cpu")


def test_two_are_kept_and_the_newest_is_loaded(tmp_path: Path) -> None:
    for step in (0, 10, 200, 3000):
        save_checkpoint(tmp_path, step, {"step": step, "weight": torch.full((3,), float(step))})
    assert len(list_checkpoints(tmp_path)) == KEPT == 2
    state = load_checkpoint(tmp_path, CPU)
    assert state is not None
    assert state["step"] == 3000
    assert state["weight"].tolist() == [3000.0] * 3


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_file_is_named_and_the_older_one_serves(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path, 1, {"step": 1})
    newest = save_checkpoint(tmp_path, 2, {"step": 2})
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": content[:-9], "flip": content, "empty": b""}[damage])
    assert load_checkpoint(tmp_path, CPU) == {"step": 1}
    assert newest.name in capsys.readouterr().out


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "nowhere", CPU) is None
