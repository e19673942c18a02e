"""An input's files -> those that hold pictures, all of one form, and what else lies there."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath

from lib.base.errors import InputError
from lib.base.input_walk import advise
from lib.base.log import log
from lib.base.places import check_input_place
from lib.kernel.competition.images.input_files import InputFile, UnreadableError, walk_input

_STAGE = "pictures"
_PICTURES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"),
)
_ARRAYS = (".npy", ".npz")
_IDX = re.compile(r"idx([1-4])(-u?byte)?(\.gz)?$|\.idx(\.gz)?$", re.IGNORECASE)
_CIFAR = re.compile(r"(data_batch_\d+|test_batch)(\.pkl|\.pickle)?")
_CIFAR_100 = re.compile(r"(^|.*/)[^/]*cifar[^/]*/(train|test)")  # files without an ending
_LABELS = "label files (idx1)"
_PIECE = 1 << 20


class Form(Enum):
    """How pictures may be packed; the value names such files."""

    FILES = "picture files"
    ARRAYS = "numpy arrays"
    CIFAR = "CIFAR batches"
    IDX = "idx files"


@dataclass(frozen=True)
class Pictures:
    """The files of one form in an input, and the names of what is not read."""

    source: Path
    form: Form
    count: int  # files
    passed_over: Mapping[str, int] = field(default_factory=dict)  # kind of file -> how many
    faults: tuple[tuple[str, str], ...] = ()  # (file, why nothing can be read of it)

    def read(self) -> Iterator[InputFile]:
        """Yield the files again, in order; see InputFile on when they can be read."""
        for file in walk_input(self.source):
            if not file.left_out and not file.fault and classify(file.name) is self.form:
                yield file

    def tell(self) -> None:
        """Print what was found and what is passed over."""
        log(_STAGE, f"{self.count:,} {self.form.value} below {self.source}")
        if self.passed_over:
            log(_STAGE, f"passed over: {_list_kinds(self.passed_over)}")


def find_pictures(source: Path) -> Pictures:
    """Find the form of an input; where there is none or several, InputError says what was seen."""
    check_input_place(_STAGE, source, "name a folder, zip or tar of pictures, or an array's file")
    forms: Counter[Form] = Counter()
    others: Counter[str] = Counter()
    faults: list[tuple[str, str]] = []
    for file in walk_input(source):
        if file.fault:
            faults.append((file.name, file.fault))
        elif file.left_out:
            others[file.left_out] += 1
        elif (form := classify(file.name)) is None:
            others[_name_kind(file.name)] += 1
        else:
            forms[form] += 1
    if len(forms) != 1:
        raise _refuse(source, forms, others, faults)
    (form,) = forms
    return Pictures(source, form, forms[form], dict(others.most_common()), tuple(faults))


def classify(name: str) -> Form | None:
    """A file's path -> what pictures it holds, by its name; None where it holds none."""
    path = PurePosixPath(name.lower())
    if path.suffix in _PICTURES:
        return Form.FILES
    if path.suffix in _ARRAYS:
        return Form.ARRAYS
    if _CIFAR.fullmatch(path.name) or _CIFAR_100.fullmatch(str(path)):
        return Form.CIFAR
    if (found := _IDX.search(path.name)) and found[1] != "1":
        return Form.IDX
    return None


def hash_pictures(pictures: Pictures) -> str:
    """Hash the names and bytes of all files with pictures, and the names of broken ones."""
    digest = hashlib.sha256(pictures.form.name.encode())
    for file in pictures.read():
        digest.update(f"\n{file.name}\n".encode(errors="backslashreplace"))
        try:
            digest.update(hash_content(file))
        except UnreadableError as error:
            digest.update(str(error).encode(errors="backslashreplace"))
    for name, fault in pictures.faults:
        digest.update(f"\n{name}: {fault}".encode(errors="backslashreplace"))
    return digest.hexdigest()


def hash_content(file: InputFile) -> bytes:
    """Hash a file's bytes; UnreadableError where they cannot be read."""
    if file.path is None:
        return hashlib.sha256(file.read()).digest()
    digest = hashlib.sha256()
    try:
        with file.path.open("rb") as opened:
            while piece := opened.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from error
    return digest.digest()


def _name_kind(name: str) -> str:
    """A file's path -> the kind of file in words: ".csv"."""
    if (found := _IDX.search(name)) and found[1] == "1":
        return _LABELS
    return PurePosixPath(name.lower()).suffix or "files without an ending"


def _list_kinds(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} x {kind}" for kind, count in kinds.items())


def _refuse(
    source: Path,
    forms: Mapping[Form, int],
    others: Mapping[str, int],
    faults: list[tuple[str, str]],
) -> InputError:
    """(input, what was seen in it) -> the error to raise."""
    seen = [f"{count:,} {form.value}" for form, count in forms.items()]
    if forms:
        return InputError(
            _STAGE,
            f"{source} holds pictures of several forms",
            expected="one of them",
            got=", ".join(seen),
            cure="name the folder or file of one form, or take the others away",
        )
    seen += [f"{count:,} x {kind}" for kind, count in others.items()]
    seen += [f"{name}: {fault}" for name, fault in faults[:3]]
    return InputError(
        _STAGE,
        f"there are no pictures below {source}",
        expected="PNG, JPEG or WebP files, .npy, .npz, CIFAR's python batches or idx files, "
        "in folders, zips or tars",
        got=", ".join(seen) or "nothing",
        cure=advise(
            source,
            "",
            "attach the pictures' data, or name another input; unpack archives inside archives",
        ),
    )
