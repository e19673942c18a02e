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
from lib.commands.kernel_build import make_entry
from lib.kaggle.metadata import FORMS
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import Config

__all__ = ["ROOT", "USUAL", "rebuild_kernel"]
USUAL = FORMS["script"]  # where the kernel is that was built last


def rebuild_kernel(recorded: Mapping[str, Any], place: Path) -> Rebuilt:
    """(what a manifest records, its path) -> the kernel that the sources make by that."""
    values, known = recorded["config"], {each.name for each in dataclasses.fields(Config)}
    if not {"form", "full"} <= recorded.keys() or values.keys() != known:
        said = f"{place} is of another version: it does not tell all that makes a kernel"
        raise InputError("check", said, cure="build it anew: python build.py")
    config = Config(**{**values, "given": tuple(values["given"])})
    is_notebook = recorded["form"] == "notebook"
    entry = make_entry(ROOT, config, recorded["full"], in_notebook=is_notebook)
    if not is_notebook:
        bundle = build_bundle(entry)
        return Rebuilt(bundle.text.encode(), bundle.manifest)
    notebook = build_notebook(entry, tell_story(config, ROOT / "LICENSE"))
    text = json.dumps(notebook.content, indent=1, sort_keys=True) + "\n"  # as write_json does
    return Rebuilt(text.encode(), notebook.manifest)
