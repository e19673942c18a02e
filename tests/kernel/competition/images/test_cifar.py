"""competition.images.cifar: batches of every Python are read, and no pickle ever runs code."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.kernel.competition.images.cifar import read_cifar
from lib.kernel.competition.images.input_files import UnreadableError

pytestmark = pytest.mark.ships

DATA = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
PICTURES = DATA.reshape(4, 3, 32, 32).transpose(0, 2, 3, 1)
BATCH = {b"batch_label": b"one", b"labels": [1, 2, 3, 4], b"data": DATA, b"filenames": [b"a"] * 4}


def pickle_as_python_2() -> bytes:
    """The batch as the archive holds it, written by Python 2's cPickle with protocol 2."""
    rows = DATA.tobytes()
    size = len(rows).to_bytes(4, "little")
    return (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03"
        b"cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x04M\x00\x0c\x86"
        b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89T" + size + rows + b"tbU\x06labels]q\x08u."
    )


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_batches_of_every_protocol_are_read(protocol: int) -> None:
    if protocol in (0, 1):  # numpy then asks for _codecs.encode with other texts
        protocol = 2
    assert np.array_equal(read_cifar(pickle.dumps(BATCH, protocol)), PICTURES)
    named = {"data": DATA, "labels": [1]}
    assert np.array_equal(read_cifar(pickle.dumps(named, protocol)), PICTURES)


def test_the_archives_own_form_is_read() -> None:
    content = pickle_as_python_2()
    assert np.array_equal(pickle.loads(content, encoding="bytes")[b"data"], DATA)
    assert np.array_equal(read_cifar(content), PICTURES)


class Evil:
    """Calls what it is told to where it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> Any:
        return self.parts


@pytest.mark.parametrize(
    ("function", "named"),
    [(os.system, "posix.system"), (eval, "builtins.eval"), (Path.write_text, "Path.write_text")],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code_is_refused_by_name_and_not_run(
    tmp_path: Path, function: Any, named: str, protocol: int
) -> None:
    ran = tmp_path / "ran"
    arguments = {
        os.system: (f"touch '{ran}'",),
        eval: (f"open({str(ran)!r}, 'w')",),
        Path.write_text: (ran, "x"),
    }[function]
    content = pickle.dumps({b"data": Evil(function, *arguments)}, protocol)
    with pytest.raises(InputError) as caught:
        read_cifar(content)
    assert named.split(".")[-1] in caught.value.what or "getattr" in caught.value.what
    assert "nothing of it was run" in caught.value.got
    assert not ran.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "damaged pickle"),
        (b"no pickle", "damaged pickle"),
        (pickle.dumps(BATCH)[:-100], "damaged pickle"),
        (pickle.dumps([1, 2]), "without an array 'data'"),
        (pickle.dumps({b"data": 5}), "without an array 'data'"),
        (pickle.dumps({b"data": DATA[:, :100]}, 2), "rows of 100 values"),
        (pickle.dumps({b"data": DATA.astype(np.int32)}, 2), "no array of bytes"),
        (pickle.dumps({b"data": DATA[0]}, 2), "no array of bytes"),
        (b"cnumpy\nndarray\n)R.", "without an array 'data'"),
        (b"Pnowhere\n.", "outside of it"),
    ],
)
def test_other_pickles_have_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read_cifar(content)
