"""Read kernel-metadata.json and check that Kaggle accepts each field as it is meant."""

import re
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.kaggle.machine_shapes import DEFAULT, is_cpu, warn_of_flags, warn_of_shape
from lib.kaggle.metadata_fields import KNOWN_KEYS, Metadata, complain, parse_metadata, read_fields

PLACEHOLDER_OWNER = "your-kaggle-name"
BUILD_FOLDER = "build"
BUILD_MANIFEST = f"{BUILD_FOLDER}/manifest.json"  # of the latest build
FORMS = {  # kernel_type -> code_file, relative to the root
    "script": f"{BUILD_FOLDER}/kernel.py",
    "notebook": f"{BUILD_FOLDER}/notebook/kernel.ipynb",
}


def load_metadata(path: Path) -> Metadata:
    """Read kernel-metadata.json; raise InputError for a missing or mistyped field."""
    return parse_metadata(read_fields(path))


def take_form(fields: dict[str, Any], form: str) -> dict[str, Any]:
    """(fields of kernel-metadata.json, form) -> the same for that form.

    A script may have any code_file in build/; the notebook has a folder of its own there.
    """
    if form not in FORMS:
        raise InputError("build", f"there is no format {form!r}", cure=nearest_name(form, FORMS))
    if "kernel_type" not in fields or (fields["kernel_type"] == form == "script"):
        return fields
    return {**fields, "kernel_type": form, "code_file": FORMS[form]}


def slugify(title: str) -> str:
    """A title -> the slug that Kaggle makes of it: a-z, 0-9 and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def check_metadata(metadata: Metadata, root: Path, for_push: bool) -> list[str]:
    """Raise InputError for values that Kaggle would refuse or change; return warnings.

    For a push the owner must be filled in, and the code file must exist and be small enough.
    """
    _check_names(metadata)
    _check_run(metadata)
    _check_code_file(metadata, root, for_push)
    return [*_check_owner(metadata, for_push), *_list_warnings(metadata)]


def demand_owner(metadata: Metadata) -> None:
    """Raise InputError if the owner is still the placeholder of a fresh clone."""
    _check_owner(metadata, for_push=True)


def _check_names(metadata: Metadata) -> None:
    slug, title = metadata.slug, metadata.title
    if not re.fullmatch(r"[A-Za-z0-9_-]+", metadata.owner):
        raise complain("id", "an owner of ASCII letters, digits and dashes", metadata.owner)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug) or len(slug) < 5:
        rule = "a slug of 5 or more of a-z, 0-9 and single dashes, first a letter"
        raise complain("id", rule, slug)
    if len(title) < 5 or not title.isascii() or not title.isprintable():
        raise complain("title", "5 or more ASCII characters", title)
    if slugify(title) != slug:
        raise InputError(
            "metadata",
            "title and id name two kernels, and Kaggle names a new one by its title",
            expected=f"a title whose slug is {slug!r}",
            got=f"{title!r}, whose slug is {slugify(title)!r}",
            cure=f'set "id" to "{metadata.owner}/{slugify(title)}", or change the title',
        )


def _check_run(metadata: Metadata) -> None:
    if metadata.language != "python":
        raise complain("language", '"python"', metadata.language)
    if metadata.kernel_type not in FORMS:
        raise complain("kernel_type", '"script" or "notebook"', metadata.kernel_type)
    if metadata.enable_gpu and metadata.enable_tpu:
        raise complain("enable_tpu", "false where enable_gpu is true", True)
    if metadata.enable_gpu and is_cpu(metadata.machine_shape):
        # Without a shape Kaggle may choose a P100, which its PyTorch does not support.
        rule = f'"{DEFAULT}" where enable_gpu is true'
        raise complain("machine_shape", rule, metadata.machine_shape or "none")


def _check_code_file(metadata: Metadata, root: Path, for_push: bool) -> None:
    suffix = Path(FORMS[metadata.kernel_type]).suffix
    if not metadata.code_file.isprintable():  # no path may contain a NUL
        raise complain("code_file", "printable characters", metadata.code_file)
    path, build = root / metadata.code_file, root / BUILD_FOLDER
    inside = path.resolve().is_relative_to(build.resolve()) and path.resolve() != build.resolve()
    if not inside or any(step.is_symlink() for step in _steps_between(build, path)):
        rule = f"a file inside {BUILD_FOLDER}/, no symbolic link"
        raise complain("code_file", rule, metadata.code_file)
    if path.suffix != suffix:
        rule = f"a {suffix} file for kernel_type {metadata.kernel_type}"
        raise complain("code_file", rule, metadata.code_file)
    if not for_push:
        return
    if not path.is_file():
        raise InputError(
            "metadata", f"{metadata.code_file} is not there", cure="run python build.py first"
        )
    size = path.stat().st_size
    if size > SOURCE_BYTES:
        raise InputError(
            "metadata",
            f"{metadata.code_file} is too large for Kaggle, which takes less than one megabyte",
            expected=f"{SOURCE_BYTES:,} bytes at most",
            got=f"{size:,}",
            cure="bundle fewer modules, or attach large constants as a data set",
        )


def _steps_between(folder: Path, path: Path) -> list[Path]:
    """(a folder, a path below it) -> the folder, the path and all folders between them."""
    parts = path.parts[len(folder.parts) :]
    return [folder, *(folder.joinpath(*parts[: i + 1]) for i in range(len(parts)))]


def _check_owner(metadata: Metadata, for_push: bool) -> list[str]:
    if metadata.owner != PLACEHOLDER_OWNER:
        return []
    cure = "run python build.py init --owner NAME with your name on Kaggle"
    if for_push:
        raise InputError(
            "metadata", f"the owner is still {PLACEHOLDER_OWNER!r}", got=metadata.ref, cure=cure
        )
    return [f"the owner is still {PLACEHOLDER_OWNER!r}: before a push, {cure}"]


def _list_warnings(metadata: Metadata) -> list[str]:
    warnings = [
        f"the client ignores the key {key!r}: {nearest_name(key, KNOWN_KEYS)}"
        for key in metadata.unknown_keys
    ]
    if not (metadata.competition_sources or metadata.dataset_sources or metadata.kernel_sources):
        what = "no competition, data set or kernel is attached, so the run will see no data"
        warnings.append(f"{what}: name one in competition_sources or dataset_sources")
    return [*warnings, *list_machine_warnings(metadata)]


def list_machine_warnings(metadata: Metadata) -> list[str]:
    """Metadata -> why a run of it may get another machine than the one that was meant."""
    shape = metadata.machine_shape
    told = (
        warn_of_shape(shape),
        warn_of_flags(shape, metadata.enable_gpu, metadata.enable_tpu),
    )
    return [one for one in told if one]
