"""The options of `build.py bundle` -> what a manifest keeps of them, and back."""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib.base.errors import InputError

AddOptions = Callable[[argparse.ArgumentParser], None]
_PATHS = ("entry", "path")  # options that name files or folders of this machine
# Where the bundle goes and what is said of it: neither changes the bundle.
_NOT_RECORDED = {"output", "watch", "explain", "analyze", "strict", "json", "debug", "help"}


def record_options(options: argparse.Namespace, add_options: AddOptions) -> dict[str, Any]:
    """(options, the function that declares them) -> those that differ from their defaults.

    Paths are from the output's folder, so that the manifest names no place of this machine.
    """
    folder = Path(options.output).absolute().parent
    recorded = {}
    for name, default in _list_defaults(add_options).items():
        value = getattr(options, name)
        if name not in _NOT_RECORDED and value != default:
            recorded[name] = _map(value, folder, _leave) if name in _PATHS else value
    return recorded


def fill_options(
    options: argparse.Namespace, add_options: AddOptions, chosen: Mapping[str, Any]
) -> argparse.Namespace:
    """(options of another command, the same function, values) -> all options of `bundle`."""
    defaults = _list_defaults(add_options)
    given = {name: value for name, value in vars(options).items() if name in defaults}
    return argparse.Namespace(**{**defaults, **given, **chosen})


def replay_options(
    recorded: Mapping[str, Any], add_options: AddOptions, output: Path
) -> argparse.Namespace:
    """(what was recorded, the same function, the bundle's path) -> the options again."""
    defaults = _list_defaults(add_options)
    unknown = ", ".join(sorted(recorded.keys() - defaults.keys()))
    if unknown:
        said = f"the manifest beside {output} records options that are none here: {unknown}"
        raise InputError("check", said, cure="bundle again, by this version")
    folder = output.absolute().parent
    values = {
        name: _map(value, folder, _return) if name in _PATHS else value
        for name, value in recorded.items()
    }
    return argparse.Namespace(**{**defaults, **values, "output": str(output)})


def _list_defaults(add_options: AddOptions) -> dict[str, Any]:
    """The function that declares options -> their names and defaults, in its order."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    return {action.dest: action.default for action in parser._actions}


def _map(value: Any, folder: Path, move: Callable[[str, Path], str]) -> Any:
    """(an option's path or paths, a folder, what to do with each) -> the same, moved."""
    if value is None:
        return None
    return (
        [move(each, folder) for each in value] if isinstance(value, list) else move(value, folder)
    )


def _leave(path: str, folder: Path) -> str:
    """(a path from the current folder, a folder) -> the path from there, with "/".

    The file itself may be a link, whose own place counts.
    """
    place = Path(path).absolute()
    real = os.path.join(os.path.realpath(place.parent), place.name)
    return Path(os.path.relpath(real, os.path.realpath(folder))).as_posix()


def _return(path: str, folder: Path) -> str:
    return os.path.normpath(os.path.join(os.path.realpath(folder), path))
