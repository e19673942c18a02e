"""The options of `build.py bundle` -> the Entry to bundle."""

import argparse
import dataclasses
from pathlib import Path
from posixpath import join

from lib.base.errors import InputError
from lib.base.places import check_input_file
from lib.bundler.differences import Difference
from lib.bundler.entry import Entry
from lib.bundler.notebooks.read_notebook import read_notebook
from lib.bundler.sources import read_bytes
from lib.commands.bundling.notebook_entry import is_notebook, name_script

_MOST_UP = 3  # folders above the entry's own in which its packages may lie
_OURS = (b"# content sha256 (of this text", b'"unpacked_because"')  # in bundles and manifests


@dataclasses.dataclass(frozen=True)
class Program:
    """What is to be bundled, as it lies on disk."""

    path: Path  # of the script or notebook
    entry: Entry
    differences: tuple[Difference, ...] = ()  # of a notebook's script


def read_program(options: argparse.Namespace, outputs: tuple[Path, ...] = ()) -> Program:
    """(options, the files that will be written) -> the Program."""
    if bool(options.entry) == bool(options.module):
        cure = "give the script that runs, or -m PACKAGE"
        raise InputError("bundle", f"one entry is expected; cure: {cure}")
    folders = [_check_folder(Path(folder)) for folder in options.path]
    if options.module:
        path, root = _find_module(options.module, folders)
        module = options.module
    else:
        path = check_input_file("bundle", Path(options.entry), "give the entry's path")
        root, module = path.absolute().parent, ""
    name, raw = path.absolute().relative_to(root).as_posix(), read_bytes(path)
    text: str | bytes = raw
    told: list[Difference] = []
    if is_notebook(path):
        text, told = read_notebook(raw, str(path))
        script = path.with_suffix(".py")
        name = name_script(path, not script.exists() or _is_ours(script))
    entry = Entry(
        text=text,
        name=name,
        root=root,
        include=tuple(options.include),
        style=options.style,
        exclude=tuple(options.exclude),
        external=tuple(options.external),
        cwd=tuple(options.cwd),
        vendor=tuple(options.vendor),
        module=module,
        limit=options.limit,
        pep723=options.pep723,
        leave_out=tuple(one for one in outputs if _is_ours(one)),
    )
    return Program(path, _add_folders(entry, folders), tuple(told))


def _check_folder(folder: Path) -> Path:
    if not folder.is_dir():
        cure = "give a folder in which packages lie, as PYTHONPATH would"
        raise InputError("bundle", f"--path {folder} is no folder", cure=cure)
    return folder.absolute().resolve()


def _find_module(name: str, folders: list[Path]) -> tuple[Path, Path]:
    """(a dotted name, folders where packages lie) -> (its file, the folder that holds it)."""
    inner = name.replace(".", "/")
    for folder in [*folders, Path.cwd()]:
        for end in (f"{inner}/__main__.py", f"{inner}.py"):
            if (folder / end).is_file():
                return folder / end, folder
        if (folder / inner / "__init__.py").is_file():
            cure = f"{inner}/__main__.py is what python -m {name} runs: add it"
            raise InputError("bundle", f"{name} is a package without __main__.py; cure: {cure}")
    cure = "run it where python -m finds the package, or add --path DIR"
    raise InputError("bundle", f"there is no module {name} for -m; cure: {cure}")


def _is_ours(file: Path) -> bool:
    """Tell whether a file is an earlier bundle or its manifest, which is no input of the next."""
    try:
        raw = file.read_bytes()
    except OSError:
        return False
    return any(words in raw for words in _OURS)


def _add_folders(entry: Entry, folders: list[Path]) -> Entry:
    """Let packages lie in further folders, which may be beside the entry's own or elsewhere."""
    for folder in folders:
        root = entry.root.resolve()
        if folder == root and not entry.name.count("/"):
            continue
        base = _find_base(root, folder)
        if base is None:
            name = _choose_name(root, folder.name, dict(entry.mounts))
            mounts = (*entry.mounts, (name, folder))
            entry = dataclasses.replace(entry, paths=(*entry.paths, name), mounts=mounts)
            continue
        inner = root.relative_to(base).as_posix()
        place = folder.relative_to(base).as_posix()
        entry = dataclasses.replace(
            entry,
            root=base,
            name=_join(inner, entry.name),
            paths=(
                *(one if one in dict(entry.mounts) else _join(inner, one) for one in entry.paths),
                "" if place == "." else place,
            ),
        )
    return entry


def _join(folder: str, path: str) -> str:
    joined = path if folder == "." else join(folder, path)
    return joined.rstrip("/")


def _find_base(root: Path, folder: Path) -> Path | None:
    """Two folders -> the one that holds both, unless it is far above or holds everything."""
    for base in [root, *root.parents[:_MOST_UP]]:
        if base != root and base in (Path(base.anchor), Path.home(), Path(base.anchor) / "tmp"):
            return None
        if base == folder or base in folder.parents:
            return base
    return None


def _choose_name(root: Path, name: str, mounts: dict[str, Path]) -> str:
    while name in mounts or (root / name).exists():
        name += "_"
    return name
