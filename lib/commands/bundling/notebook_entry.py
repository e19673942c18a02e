"""A notebook as the entry of a bundle: the name of its script, and cells in place of its lines."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_file
from lib.bundler.differences import Difference
from lib.bundler.notebooks.read_notebook import find_cell
from lib.bundler.sources import show_path


def is_notebook(path: Path) -> bool:
    """Tell whether an entry is a notebook."""
    return path.suffix == ".ipynb"


def name_script(path: Path, is_free: bool) -> str:
    """(a notebook, whether no module has its name) -> the name that its cells run by."""
    return f"{path.stem}.py" if is_free else f"{path.stem}_notebook.py"


def point_to_cells(path: Path, text: str, name: str, error: InputError) -> InputError:
    """(notebook, its script, the script's name, an error) -> the error by cell and line."""

    def show(found: re.Match[str]) -> str:
        cell, line = find_cell(text, int(found[1]))
        return f"{path}: cell {cell}, line {line}" if cell else found[0]

    script = show_path(path.absolute().with_name(name))
    return InputError(error.stage, re.sub(rf"{re.escape(script)}:(\d+)", show, error.what))


def tell_cells(
    path: Path, text: str, name: str, differences: Iterable[Difference]
) -> tuple[Difference, ...]:
    """(notebook, its script, the script's name, ...) -> the same differences by cell and line."""
    told = []
    for one in differences:
        cell, line = find_cell(text, one.line) if one.path.endswith(name) and one.line else (0, 0)
        if cell:
            what = f"cell {cell}, line {line}: {one.what}"
            one = dataclasses.replace(one, path=path.name, line=0, what=what)
        told.append(one)
    return tuple(told)


def list_sources(path: Path, name: str, sources: Mapping[Path, str]) -> dict[Path, str]:
    """(notebook, its script's name, files read -> hashes) -> the same with the notebook's own."""
    script = path.absolute().with_name(name)
    kept = {file: sha256 for file, sha256 in sources.items() if file.absolute() != script}
    return {**kept, path: sha256_file(path)}
