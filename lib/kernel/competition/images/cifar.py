"""The bytes of a batch of CIFAR's python archive -> its pictures, without running what it says.

A pickle may call any function. This reader lets it name only what a numpy array needs, and hands
out stand-ins that record the array's parts: no code of the file's choice ever runs.
"""

import io
import pickle
from typing import Any

import numpy as np

from lib.base.errors import InputError
from lib.kernel.competition.images.input_files import UnreadableError

_SIDE, _CHANNELS = 32, 3
_ROW = _CHANNELS * _SIDE * _SIDE
_BYTES = ("u1", "|u1", "uint8")


class _Type:
    """Stands in for a numpy.dtype: its name alone is kept."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.name = name.decode("latin1") if isinstance(name, bytes) else name

    def __setstate__(self, state: object) -> None:
        """Forget the byte order and what else a dtype has: bytes have none."""


class _Array:
    """Stands in for a numpy.ndarray: shape, type and bytes, as the pickle tells them."""

    parts: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        """Keep (version, shape, type, whether by columns, bytes)."""
        self.parts = state if isinstance(state, tuple) else ()


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _take_buffer(content: Any, kind: object, shape: object, order: object = "C") -> _Array:
    """Do what pickles of protocol 5 ask for to make an array."""
    array = _Array()
    array.parts = (1, shape, kind, order == "F", bytes(content))
    return array


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Do what Python 3 pickles of protocol 2 ask for to make bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise UnreadableError("a damaged pickle")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _take_buffer,
    ("numpy._core.numeric", "_frombuffer"): _take_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name that arrays need; refuse every other one."""
        if (module, name) not in _ALLOWED:
            raise InputError(
                "pictures",
                f"a pickle asks for {module}.{name}, which no CIFAR batch needs",
                expected="arrays and plain containers alone",
                got="a file that may run code; nothing of it was run",
                cure="take that file away, or fetch the archive anew from a source you trust",
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what lies outside of the file."""
        raise UnreadableError("a pickle that refers to something outside of it")


def read_cifar(content: bytes) -> np.ndarray:
    """A batch's bytes -> (N, 32, 32, 3) uint8.

    Raise UnreadableError where it is broken or something else, InputError where it would run code.
    """
    try:
        batch = _Reader(io.BytesIO(content), encoding="bytes").load()
    except (InputError, UnreadableError):
        raise
    except Exception as error:  # a damaged pickle raises errors of any kind
        words = str(error)[:60] or type(error).__name__
        raise UnreadableError(f"a damaged pickle ({words})") from error
    data = (batch.get(b"data") or batch.get("data")) if isinstance(batch, dict) else None
    if not isinstance(data, _Array):
        raise UnreadableError("a pickle without an array 'data'")
    return _make_pictures(data)


def _make_pictures(data: _Array) -> np.ndarray:
    """A recorded array of rows, channel after channel -> (N, 32, 32, 3) uint8."""
    _, shape, kind, by_columns, content = (data.parts + (None,) * 5)[:5]
    content = content.encode("latin1") if isinstance(content, str) else content
    is_array = isinstance(shape, tuple) and len(shape) == 2 and isinstance(content, bytes)
    if not is_array or not isinstance(kind, _Type) or kind.name not in _BYTES:
        raise UnreadableError("a pickle whose 'data' are no array of bytes")
    if shape[1] != _ROW or len(content) != shape[0] * _ROW:
        raise UnreadableError(f"a pickle of rows of {shape[1]} values; CIFAR's have {_ROW}")
    rows = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")
    return rows.reshape(-1, _CHANNELS, _SIDE, _SIDE).transpose(0, 2, 3, 1)
