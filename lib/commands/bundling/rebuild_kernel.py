"""A kernel's manifest -> the same kernel from today's sources, in memory alone."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.bundler.bundle import build_bundle
from lib.bundler.notebooks.notebook import build_notebook
from lib.bundler.unbundling.rebuild import Rebuilt
from lib.commands.book.introduction import tell_story
from lib.commands.book.pack_text import NamedConfig
from lib.commands.kernel_build import make_entry
from lib.commands.pack_build import make_pack_entry
from lib.kaggle.metadata import FORMS
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import Config

__all__ = ["ROOT", "USUAL", "rebuild_kernel"]
USUAL = FORMS["script"]  # where the kernel is that was built last


def rebuild_kernel(recorded: Mapping[str, Any], place: Path) -> Rebuilt:
    """(what a manifest records, its path) -> the kernel that the sources make by that."""
    if not {"form", "full"} <= recorded.keys():
        raise _refuse(place)
    if "variants" in recorded:
        variants = [
            NamedConfig(each["name"], _read_config(each["config"], place))
            for each in recorded["variants"]
        ]
        entry = make_pack_entry(ROOT, variants, recorded["full"])
    else:
        config = _read_config(recorded["config"], place)
        is_notebook = recorded["form"] == "notebook"
        entry = make_entry(ROOT, config, recorded["full"], in_notebook=is_notebook)
        if is_notebook:
            notebook = build_notebook(entry, tell_story(config, ROOT / "LICENSE"))
            text = json.dumps(notebook.content, indent=1, sort_keys=True)  # as write_json does
            return Rebuilt(f"{text}\n".encode(), notebook.manifest)
    bundle = build_bundle(entry)
    return Rebuilt(bundle.text.encode(), bundle.manifest)


def _read_config(values: Mapping[str, Any], place: Path) -> Config:
    if values.keys() != {each.name for each in dataclasses.fields(Config)}:
        raise _refuse(place)
    return Config(**{**values, "given": tuple(values["given"])})


def _refuse(place: Path) -> InputError:
    said = f"{place} is of another version: it does not tell all that makes a kernel"
    return InputError("check", said, cure="build it anew: python build.py")
