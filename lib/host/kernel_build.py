"""A Config and the sources -> build/kernel.py and build/manifest.json, checked for Kaggle."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from lib.host.bundle import Entry, build_bundle, write_bundle
from lib.host.git_state import read_git_state
from lib.host.metadata import check_metadata, load_metadata
from lib.host.metadata_fields import FILE_NAME
from lib.kernel.config import Config, as_dict

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class BuiltKernel:
    """A kernel as it was written."""

    path: Path  # the script
    manifest_path: Path
    sha256: str  # of the bundle's content; the running kernel knows it too
    manifest: dict[str, Any]


def build_kernel(root: Path, config: Config) -> BuiltKernel:
    """(repository's root, Config) -> build/kernel.py and build/manifest.json below it.

    Raises InputError, and leaves an earlier build as it was, where the metadata or a module is
    at fault.
    """
    metadata = load_metadata(root / FILE_NAME)
    for warning in check_metadata(metadata, root, for_push=False):
        print(f"warning: {warning}", file=sys.stderr)
    templates = root / "kernel_template"
    text = render_entry(templates)
    entry = Entry(text=text, name="kernel.py", root=root, preface=render_preface(config))
    bundle = build_bundle(entry)
    state = read_git_state(root)
    facts = {"commit": state.commit, "changed": list(state.changed), "config": as_dict(config)}
    bundle = dataclasses.replace(bundle, manifest={**bundle.manifest, **facts})
    path, manifest_path = root / metadata.code_file, root / "build" / "manifest.json"
    write_bundle(bundle, path, manifest_path)
    return BuiltKernel(path, manifest_path, bundle.sha256, bundle.manifest)


def render_preface(config: Config) -> str:
    """A Config -> the block shown at the top of the kernel: CONFIG = {...}, a field a line."""
    lines = [f"    {key!r}: {value!r}," for key, value in as_dict(config).items()]
    head = "# What this run does. Every field is explained in lib/kernel/config.py below."
    return "\n".join([head, "CONFIG = {", *lines, "}", ""])


def render_entry(templates: Path) -> str:
    """kernel_template/ -> the entry's text, with the report's template as a string in it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    report = (templates / "report.html.j2").read_text(encoding="utf-8")
    return environment.get_template("entry.py.j2").render(report_template=quote_text(report))


def quote_text(text: str) -> str:
    """A text -> a Python expression of it, as lines that can be read where its letters allow."""
    if "\\" in text or '"""' in text or text.endswith('"'):
        return repr(text)
    return f'"""{text}"""'
