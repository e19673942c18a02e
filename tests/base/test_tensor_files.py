"""lib.base.tensor_files: the same bytes for equal states, tensors and plain values alone."""

import hashlib
import io
from pathlib import Path

import pytest
import torch

from lib.base.errors import PipelineError
from lib.base.tensor_files import read_state, write_state

pytestmark = pytest.mark.ships

CPU = torch.device("cpu")


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_state(tmp_path / name, {"weights": [torch.arange(5.0)], "why": "x", "score": 0.5})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_object_that_is_no_tensor_is_refused_when_read(tmp_path: Path) -> None:
    write_state(tmp_path / "odd", {"path": tmp_path})
    with pytest.raises(PipelineError, match="cannot be read"):
        read_state(tmp_path / "odd", CPU)


def test_file_is_a_line_of_sha256_and_what_torch_saves(tmp_path: Path) -> None:
    """States and models of every version so far are such files."""
    state = {"weights": [torch.arange(5.0)], "why": "x"}
    write_state(tmp_path / "state.pt", state)
    heading, _, payload = (tmp_path / "state.pt").read_bytes().partition(b"\n")
    assert heading.decode() == hashlib.sha256(payload).hexdigest()
    loaded = torch.load(io.BytesIO(payload), weights_only=True)
    assert torch.equal(loaded["weights"][0], state["weights"][0])
    again = read_state(tmp_path / "state.pt", CPU)
    assert (again["weights"][0].tolist(), again["why"]) == ([0.0, 1.0, 2.0, 3.0, 4.0], "x")


def test_damage_is_told_by_the_name_and_both_hashes(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    write_state(path, {"step": 1})
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    got = hashlib.sha256(content[65:-1]).hexdigest()[:12]
    words = f"state.pt is damaged, expected sha256 b'{content[:12].decode()}', got b'{got}'"
    with pytest.raises(PipelineError, match=words):
        read_state(path, CPU)
