"""Build the kernel of a Config, a script or a notebook, and its manifest; check the metadata."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.files import write_text
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.base.terminal import paint
from lib.bundler.bundle import build_bundle, write_bundle
from lib.bundler.entry import Entry
from lib.bundler.notebooks.notebook import Story, build_notebook, render_notebook, write_notebook
from lib.commands.book.chapters import list_chapters
from lib.commands.book.config_block import render_config
from lib.commands.book.entry_text import render_entry
from lib.commands.book.head import render_head
from lib.commands.book.introduction import tell_story
from lib.commands.output_file import check_output_file
from lib.commands.refuse_secrets import refuse_secrets_of_kernel, refuse_secrets_of_metadata
from lib.kaggle.git_state import read_git_state
from lib.kaggle.metadata import BUILD_FOLDER, BUILD_MANIFEST, check_metadata, take_form
from lib.kaggle.metadata_fields import FILE_NAME, parse_metadata, read_fields
from lib.kernel.competition.table import find_mismatch
from lib.kernel.configuration.config import Config, as_dict

ENTRY_NAME = "kernel.py"


@dataclass(frozen=True)
class BuiltKernel:
    """A kernel that was written."""

    path: Path  # the script or notebook
    manifest_path: Path
    sha256: str  # of the bundle's content; the running kernel has it too
    manifest: dict[str, Any]
    text: str


def build_kernel(
    root: Path, config: Config, form: str = "script", full: bool = False
) -> BuiltKernel:
    """Write the kernel and its manifest: a script into build/, a notebook into build/notebook/.

    It holds the recipe and the stages that the Config uses; with `full`, all recipes and stages.
    Where the metadata or a module is at fault, InputError is raised and an earlier build stays as
    it was.
    """
    fields = take_form(read_fields(root / FILE_NAME), form)
    refuse_secrets_of_metadata(fields)
    metadata = parse_metadata(fields)
    for warning in check_metadata(metadata, root, for_push=False):
        warn(warning)
    if mismatch := find_mismatch(config.competition, metadata.competition_sources):
        cure = "name your data in competition_sources or dataset_sources of kernel-metadata.json"
        warn(f"{mismatch}: before a push, {cure}")
    state = read_git_state(root)
    facts: dict[str, Any] = {"commit": state.commit, "changed": list(state.changed)}
    facts.update(config=as_dict(config), form=form, full=full)
    entry = make_entry(root, config, full, in_notebook=form == "notebook")
    if form == "notebook":
        path = root / metadata.code_file
        story = tell_story(config, root / "LICENSE")
        return _build_notebook(root, entry, story, path, fields, facts)
    return write_script(root, entry, fields, facts)


def write_script(
    root: Path, entry: Entry, fields: dict[str, Any], facts: dict[str, Any]
) -> BuiltKernel:
    """(root, Entry, fields of the metadata, facts for its manifest) -> the script, written."""
    path, manifest_path = root / parse_metadata(fields).code_file, root / BUILD_MANIFEST
    for place in (path, manifest_path):
        check_output_file("build", place)
    bundle = build_bundle(entry)
    refuse_secrets_of_kernel(root, bundle.sources, bundle.text)
    for one in bundle.differences:
        warn(str(one))
    bundle = dataclasses.replace(bundle, manifest={**bundle.manifest, **facts})
    write_bundle(bundle.text, bundle.manifest, path, manifest_path)
    if fields != read_fields(root / FILE_NAME):
        warn(f"{FILE_NAME} named a notebook; it names the script again")
        write_text(root / FILE_NAME, json.dumps(fields, indent=2) + "\n")
    return BuiltKernel(path, manifest_path, bundle.sha256, bundle.manifest, bundle.text)


def warn(message: str) -> None:
    """Print a warning on stderr."""
    print(f"{paint('warning:', 'yellow', sys.stderr)} {message}", file=sys.stderr)


def _build_notebook(
    root: Path,
    entry: Entry,
    story: Story,
    path: Path,
    fields: dict[str, Any],
    facts: dict[str, Any],
) -> BuiltKernel:
    """Write the notebook with a kernel-metadata.json of its own and its manifest beside it."""
    manifest_path, metadata_path = path.with_name("manifest.json"), path.with_name(FILE_NAME)
    for place in (path, manifest_path, metadata_path):
        check_output_file("build", place)
    notebook = build_notebook(entry, story)
    text = render_notebook(notebook)
    refuse_secrets_of_kernel(root, notebook.sources, text)
    notebook = dataclasses.replace(notebook, manifest={**notebook.manifest, **facts})
    write_notebook(notebook, path, manifest_path)
    own = {**fields, "code_file": path.name}  # relative to the folder of the metadata
    write_text(metadata_path, json.dumps(own, indent=2) + "\n")
    return BuiltKernel(path, manifest_path, notebook.sha256, notebook.manifest, text)


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


def make_entry(root: Path, config: Config, full: bool, in_notebook: bool = False) -> Entry:
    """(root, Config, whether everything goes in, form) -> the Entry to bundle."""
    return Entry(
        text=render_entry(root / "kernel_template", config, full, in_notebook),
        name=ENTRY_NAME,
        root=root,
        limit=SOURCE_BYTES,
        preface=render_config(config),
        head=render_head(config, root / "LICENSE"),
        chapters=list_chapters(config, ENTRY_NAME),
    )
