"""lib.base.lock_file: one holder at a time, readers together, and who inherits a lock."""

import os
from pathlib import Path

import pytest

from lib.base.lock_file import lock, open_lock_file

pytestmark = pytest.mark.ships


def is_free(path: Path, own_process: bool) -> bool:
    """Whether another process, a forked child, could take the lock now."""
    child = os.fork()
    if child == 0:
        with open_lock_file(path) as file:
            os._exit(0 if lock(file, wait=False, own_process=own_process) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("own_process", [False, True])
def test_another_process_is_kept_out_until_the_file_is_closed(
    tmp_path: Path, own_process: bool
) -> None:
    path = tmp_path / "new folder" / "lock"
    with open_lock_file(path) as file:
        assert is_free(path, own_process)
        assert lock(file, wait=False, own_process=own_process)
        assert not is_free(path, own_process)
    assert is_free(path, own_process)
    assert path.read_bytes() == b""


def test_readers_share_a_lock_and_a_writer_waits_for_them(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    with path.open("rb") as one, path.open("rb") as two, path.open("ab") as writer:
        assert lock(one, shared=True, wait=False)
        assert lock(two, shared=True, wait=False)
        assert not lock(writer, wait=False)


@pytest.mark.parametrize(("own_process", "free"), [(False, False), (True, True)])
def test_a_child_that_lives_on_holds_the_files_lock_not_the_processs(
    tmp_path: Path, own_process: bool, free: bool
) -> None:
    """A run's workers may live a moment longer than it does: its folder is free all the same."""
    path = tmp_path / "lock"
    ask, answer = os.pipe()
    with open_lock_file(path) as file:
        assert lock(file, wait=False, own_process=own_process)
        child = os.fork()
        if child == 0:
            os.close(answer)
            os.read(ask, 1)  # until the parent closes its end
            os._exit(0)
    os.close(ask)
    try:
        assert is_free(path, own_process) == free
    finally:
        os.close(answer)
        os.waitpid(child, 0)
