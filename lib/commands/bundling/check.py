"""`build.py check`: a bundle and its manifest -> whether its sources still make it."""

import argparse
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from lib.base.errors import InputError
from lib.base.files import read_json
from lib.base.places import check_input_file
from lib.bundler.sources import show_path
from lib.bundler.unbundling.rebuild import find_differences
from lib.commands.bundling.bundle import BUNDLE, rebuild
from lib.commands.bundling.recorded import replay_options
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, find_group

_ANEW = "build it anew by this version"


def _add_options(parser: argparse.ArgumentParser) -> None:
    words = "the bundle, its manifest beside it (default: the kernel, build/kernel.py)"
    find_group(parser, DATA).add_argument("file", nargs="?", metavar="FILE", help=words)


def _run(options: argparse.Namespace) -> Answer:
    kernels = _find_kernels()
    path = Path(options.file) if options.file else _find_usual(kernels)
    check_input_file("check", path, "name a bundle, or run python build.py for the kernel")
    place, recorded = _read_manifest(path)
    try:
        if "options" in recorded:
            made = rebuild(replay_options(recorded["options"], BUNDLE.add_options, path))
        elif kernels:
            made = kernels.rebuild_kernel(recorded, place)
        else:
            raise InputError("check", f"{path} is a kernel", cure="check it by its own build.py")
    except InputError as error:
        if error.stage == "check":
            raise
        said = "; ".join(line.strip() for line in str(error).splitlines())
        return _answer(path, [*_list_gone(recorded, path), f"it cannot be built now: {said}"])
    found = find_differences(path.read_bytes(), recorded, made, show_path(path))
    return _answer(path, found)


def _find_usual(kernels: ModuleType | None) -> Path:
    """Find the kernel that was built last, where kernels are known."""
    if kernels is None:
        raise InputError("check", "no bundle is named", cure="give the path of one")
    usual: Path = kernels.ROOT / kernels.USUAL
    return usual


def _list_gone(recorded: dict[str, Any], path: Path) -> list[str]:
    """(a manifest's content, the bundle's path) -> a line for each source that is not there."""
    options = recorded.get("options", {})
    if "entry" not in options or "vendor" in options:
        return []
    folder = path.absolute().parent
    depth = len(Path(recorded["name"]).parts)
    roots = [Path(folder, options["entry"], *[".."] * depth)]
    roots += [folder / each for each in options.get("path", [])]
    paths = [each["path"] for each in recorded["inputs"]]
    places = {each: [Path(os.path.normpath(root / each)) for root in roots] for each in paths}
    places[recorded["name"]] = [folder / options["entry"]]  # which may be a notebook
    return [f"{each}: gone" for each in sorted(paths) if not any(p.exists() for p in places[each])]


def _find_kernels() -> ModuleType | None:
    """Find the part that knows kernels; the bundler by itself has none."""
    try:
        from lib.commands.bundling import rebuild_kernel
    except ImportError:
        return None
    return rebuild_kernel


def _read_manifest(path: Path) -> tuple[Path, dict[str, Any]]:
    """A bundle's path -> (its manifest's, what that says); InputError where it says too little."""
    places = (path.with_suffix(".manifest.json"), path.with_name("manifest.json"))
    place = next((each for each in places if each.is_file()), None)
    if place is None:
        said = f"{path} has no manifest beside it ({places[0].name})"
        raise InputError("check", said, cure=_ANEW)
    recorded = read_json(place)
    is_whole = isinstance(recorded, dict) and {"sha256", "inputs"} <= recorded.keys()
    if not is_whole or not {"options", "config"} & recorded.keys():
        said = f"{place} does not tell how {path.name} was built: it is of an older version"
        raise InputError("check", said if is_whole else f"{place} is no manifest", cure=_ANEW)
    return place, recorded


def _answer(path: Path, found: list[str]) -> Answer:
    shown = show_path(path)
    facts = {"bundle": shown, "agrees": not found, "differences": found}
    if not found:
        return Answer(f"{shown} is what its sources make", facts)
    return Answer("\n".join([*found, f"{shown} is not what its sources make"]), facts, code=1)


CHECK = Command(
    "check",
    "say whether a bundle is still what its sources make",
    _add_options,
    _run,
    (
        ("check", "build/kernel.py; exit code 1 where a source or the kernel has changed"),
        ("check build/train.py", "a bundle that bundle -o build/train.py made"),
    ),
    json="bundle, agrees and differences (a line for each file)",
)
