"""Build build/kernel.py and build/manifest.json from a Config and the sources; check them."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.files import write_text
from lib.base.places import check_output_file
from lib.bundler.bundle import Entry, build_bundle, write_bundle
from lib.bundler.notebook import build_notebook, write_notebook
from lib.commands.book.chapters import list_chapters
from lib.commands.book.config_block import render_config
from lib.commands.book.entry_text import render_entry
from lib.commands.book.head import render_head
from lib.kaggle.git_state import read_git_state
from lib.kaggle.metadata import BUILD_FOLDER, BUILD_MANIFEST, FORMS, check_metadata
from lib.kaggle.metadata_fields import FILE_NAME, parse_metadata, read_fields
from lib.kernel.configuration.config import Config, as_dict

ENTRY_NAME = "kernel.py"


@dataclass(frozen=True)
class BuiltKernel:
    """A kernel that was written."""

    path: Path  # the script or notebook
    manifest_path: Path
    sha256: str  # of the bundle's content; the running kernel has it too
    manifest: dict[str, Any]


def build_kernel(
    root: Path, config: Config, form: str = "script", full: bool = False
) -> BuiltKernel:
    """Write the kernel, as a script or notebook, and build/manifest.json.

    It holds the recipe and the stages that the Config uses; with `full`, all recipes and stages.
    kernel_type and code_file of kernel-metadata.json are set to the form. Where the metadata or a
    module is at fault, InputError is raised and an earlier build stays as it was.
    """
    fields = _set_form(read_fields(root / FILE_NAME), form)
    metadata = parse_metadata(fields)
    for warning in check_metadata(metadata, root, for_push=False):
        print(f"warning: {warning}", file=sys.stderr)
    entry = make_entry(root, config, full)
    state = read_git_state(root)
    facts = {"commit": state.commit, "changed": list(state.changed), "config": as_dict(config)}
    path, manifest_path = root / metadata.code_file, root / BUILD_MANIFEST
    for place in (path, manifest_path):
        check_output_file("build", place)
    if form == "notebook":
        notebook = build_notebook(entry)
        notebook = dataclasses.replace(notebook, manifest={**notebook.manifest, **facts})
        write_notebook(notebook, path, manifest_path)
        built = BuiltKernel(path, manifest_path, notebook.sha256, notebook.manifest)
    else:
        bundle = build_bundle(entry)
        bundle = dataclasses.replace(bundle, manifest={**bundle.manifest, **facts})
        write_bundle(bundle, path, manifest_path)
        built = BuiltKernel(path, manifest_path, bundle.sha256, bundle.manifest)
    if fields != read_fields(root / FILE_NAME):
        write_text(root / FILE_NAME, json.dumps(fields, indent=2) + "\n")
    return built


def build_local(root: Path, config: Config, full: bool = False) -> Path:
    """Write the same script as build/kernels/HASH.py, for a run on this machine.

    So build/kernel.py, which `kaggle kernels push` would send, is not touched, and a later build
    does not overwrite the source of a running kernel.
    """
    bundle = build_bundle(make_entry(root, config, full))
    path = root / BUILD_FOLDER / "kernels" / f"{bundle.sha256[:12]}.py"
    check_output_file("build", path)
    write_text(path, bundle.text)
    return path


def make_entry(root: Path, config: Config, full: bool) -> Entry:
    return Entry(
        text=render_entry(root / "kernel_template", config, full),
        name=ENTRY_NAME,
        root=root,
        preface=render_config(config),
        head=render_head(config, root / "LICENSE"),
        chapters=list_chapters(config, ENTRY_NAME),
    )


def _set_form(fields: dict[str, Any], form: str) -> dict[str, Any]:
    """(fields of kernel-metadata.json, form) -> the same for that form; fitting ones are kept."""
    if form not in FORMS:
        raise InputError("build", f"there is no format {form!r}", cure=nearest_name(form, FORMS))
    if fields.get("kernel_type") == form or "kernel_type" not in fields:
        return fields
    return {**fields, "kernel_type": form, "code_file": f"{BUILD_FOLDER}/kernel{FORMS[form]}"}
