"""A JSON object -> Metadata, with every field present and of the right type."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError

FILE_NAME = "kernel-metadata.json"

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_SOURCES = {  # key -> (pattern of one entry, the pattern in words)
    "competition_sources": (rf"{_NAME}", "competition-slug"),
    "dataset_sources": (rf"{_NAME}/{_NAME}(/\d+)?", "user/dataset-slug"),
    "kernel_sources": (rf"{_NAME}/{_NAME}(/\d+)?", "user/kernel-slug"),
    "model_sources": (
        rf"{_NAME}/{_NAME}/{_NAME}/[A-Za-z0-9][A-Za-z0-9._-]*/\d+",
        "owner/model/framework/variation/1",
    ),
    "keywords": (r".+", "a tag"),
}
_FLAGS = ("is_private", "enable_gpu", "enable_tpu", "enable_internet")
_TEXTS = ("id", "title", "code_file", "language", "kernel_type")
_PREFIXES = r"(https?://)?(www\.)?(kaggle\.com/)?/?(c|competitions|datasets|code|models)/"
_PINNING = ("original", "latest")  # what the client takes as docker_image_pinning_type
_OPTIONAL_TEXTS = ("machine_shape", "docker_image", "docker_image_pinning_type")
KNOWN_KEYS = (*_TEXTS, *_OPTIONAL_TEXTS, *_FLAGS, *_SOURCES, "id_no")


@dataclass(frozen=True)
class Metadata:
    """The fields of kernel-metadata.json, all present and of the right types."""

    owner: str
    slug: str
    title: str
    code_file: str  # relative to the folder of kernel-metadata.json
    language: str
    kernel_type: str
    is_private: bool
    enable_gpu: bool
    enable_tpu: bool
    enable_internet: bool
    competition_sources: tuple[str, ...]
    dataset_sources: tuple[str, ...]
    kernel_sources: tuple[str, ...]
    model_sources: tuple[str, ...]
    keywords: tuple[str, ...]
    machine_shape: str  # "" where the file names none
    docker_image: str
    docker_image_pinning_type: str
    id_no: int | None
    unknown_keys: tuple[str, ...]
    session_timeout_s: int | None = None  # of one push; the file has no key for it
    is_run: bool = True  # False: this push is saved alone; the file has no key for it either

    @property
    def ref(self) -> str:
        """The kernel's name on Kaggle, owner/slug."""
        return f"{self.owner}/{self.slug}"


def read_fields(path: Path) -> dict[str, Any]:
    """Read the object of a JSON file, its keys in the file's order."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            "metadata", "there is no such file", got=str(path), cure="git checkout " + FILE_NAME
        ) from None
    except (OSError, ValueError) as error:
        raise _refuse_file(path, str(error)) from None
    except RecursionError:
        raise _refuse_file(path, "lists within lists without end") from None
    if not isinstance(fields, dict):
        raise _refuse_file(path, type(fields).__name__)
    return fields


def _refuse_file(path: Path, got: str) -> InputError:
    what, cure = f"{path.name} cannot be read", "mend it, or take back what was changed there"
    return InputError("metadata", what, expected="a JSON object", got=got, cure=cure)


def parse_metadata(fields: dict[str, Any]) -> Metadata:
    """A JSON object -> Metadata; InputError for a missing or mistyped field."""
    values: dict[str, Any] = {key: _read_text(fields, key, required=True) for key in _TEXTS}
    values |= {key: _read_text(fields, key, required=False) for key in _OPTIONAL_TEXTS}
    owner, separator, slug = values.pop("id").partition("/")
    if not separator or not owner or not slug or "/" in slug:
        raise complain("id", 'a text "owner/slug"', fields["id"])
    if fields.get("docker_image_pinning_type") not in (None, *_PINNING):
        expected = " or ".join(f'"{word}"' for word in _PINNING)
        raise complain("docker_image_pinning_type", expected, fields["docker_image_pinning_type"])
    values |= {key: _read_flag(fields, key) for key in _FLAGS}
    values |= {key: _read_sources(fields, key) for key in _SOURCES}
    return Metadata(
        owner=owner,
        slug=slug,
        **values,
        id_no=_read_id_no(fields),
        unknown_keys=tuple(sorted(fields.keys() - set(KNOWN_KEYS))),
    )


def _read_text(fields: dict[str, Any], key: str, required: bool) -> str:
    value = fields.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise complain(key, "a text", value)
    return value


def _read_flag(fields: dict[str, Any], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):  # the client would read the text "false" as true
        raise complain(key, "true or false, without quotes", value)
    return value


def _read_sources(fields: dict[str, Any], key: str) -> tuple[str, ...]:
    pattern, words = _SOURCES[key]
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise complain(key, "a list", value)
    for entry in value:
        if not isinstance(entry, str) or not re.fullmatch(pattern, entry):
            raise complain(key, f'entries like "{words}"', entry, _cure_entry(entry, pattern))
    return tuple(value)


def _cure_entry(entry: Any, pattern: str) -> str:
    """An entry as `kaggle kernels pull -m` or an address has it -> what to write instead."""
    bare = re.sub(rf"^{_PREFIXES}", "", entry) if isinstance(entry, str) else ""
    bare = bare.strip("/")
    return f'write "{bare}", without what stands before it' if re.fullmatch(pattern, bare) else ""


def _read_id_no(fields: dict[str, Any]) -> int | None:
    value = fields.get("id_no")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise complain("id_no", "a whole number, or no such key", value)
    return value


def complain(key: str, expected: str, got: Any, cure: str = "") -> InputError:
    """(key, the expected value, the value there, a cure if any) -> the error to raise."""
    where = f"in {FILE_NAME} {cure}" if cure else f"edit {FILE_NAME}"
    return InputError("metadata", f'"{key}"', expected=expected, got=repr(got), cure=where)
