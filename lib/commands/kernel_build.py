"""Build build/kernel.py and build/manifest.json from a Config and the sources; check them."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.files import write_text
from lib.base.places import check_output_file
from lib.bundler.bundle import Entry, build_bundle, write_bundle
from lib.bundler.notebook import Story, build_notebook, write_notebook
from lib.commands.push import describe_quota
from lib.kaggle.git_state import read_git_state
from lib.kaggle.metadata import BUILD_FOLDER, BUILD_MANIFEST, check_metadata, take_form
from lib.kaggle.metadata_fields import FILE_NAME, Metadata, parse_metadata, read_fields
from lib.kernel.competition.table import find_package, find_rules
from lib.kernel.configuration.config import KEYS, Config, as_dict, show_value
from lib.kernel.configuration.configure import as_candidate
from lib.kernel.configuration.settings import explain_key, list_shown_keys
from lib.kernel.recipes.table import ROWS, find_preset

_SHOW_REPORT = """\
from IPython.display import HTML

from lib.kernel.configuration.folders import find_folders
from lib.kernel.report.inline import frame_report

HTML(frame_report(find_folders().output))
"""


@dataclass(frozen=True)
class BuiltKernel:
    """A kernel that was written."""

    path: Path  # the script or notebook
    manifest_path: Path
    sha256: str  # of the bundle's content; the running kernel has it too
    manifest: dict[str, Any]


def build_kernel(root: Path, config: Config, form: str = "script") -> BuiltKernel:
    """Write the kernel and its manifest: a script into build/, a notebook into build/notebook/.

    Where the metadata or a module is at fault, InputError is raised and an earlier build stays as
    it was.
    """
    fields = take_form(read_fields(root / FILE_NAME), form)
    metadata = parse_metadata(fields)
    for warning in check_metadata(metadata, root, for_push=False):
        print(f"warning: {warning}", file=sys.stderr)
    state = read_git_state(root)
    facts = {"commit": state.commit, "changed": list(state.changed), "config": as_dict(config)}
    path = root / metadata.code_file
    if form == "notebook":
        return _build_notebook(path, root, config, fields, facts)
    manifest_path = root / BUILD_MANIFEST
    for place in (path, manifest_path):
        check_output_file("build", place)
    bundle = build_bundle(_make_entry(root, config))
    bundle = dataclasses.replace(bundle, manifest={**bundle.manifest, **facts})
    write_bundle(bundle, path, manifest_path)
    if fields != read_fields(root / FILE_NAME):
        print(f"warning: {FILE_NAME} named a notebook; it names the script again", file=sys.stderr)
        write_text(root / FILE_NAME, json.dumps(fields, indent=2) + "\n")
    return BuiltKernel(path, manifest_path, bundle.sha256, bundle.manifest)


def _build_notebook(
    path: Path, root: Path, config: Config, fields: dict[str, Any], facts: dict[str, Any]
) -> BuiltKernel:
    """Write the notebook with a kernel-metadata.json of its own and its manifest beside it."""
    manifest_path, metadata_path = path.with_name("manifest.json"), path.with_name(FILE_NAME)
    for place in (path, manifest_path, metadata_path):
        check_output_file("build", place)
    introduction = render_introduction(root / "kernel_template", parse_metadata(fields), config)
    story = Story(introduction, _SHOW_REPORT, "The report")
    notebook = build_notebook(_make_entry(root, config, in_notebook=True), story)
    notebook = dataclasses.replace(notebook, manifest={**notebook.manifest, **facts})
    write_notebook(notebook, path, manifest_path)
    own = {**fields, "code_file": path.name}  # relative to the folder of the metadata
    write_text(metadata_path, json.dumps(own, indent=2) + "\n")
    return BuiltKernel(path, manifest_path, notebook.sha256, notebook.manifest)


def build_local(root: Path, config: Config) -> Path:
    """Write the same script as build/kernels/HASH.py, for a run on this machine.

    So build/kernel.py, which `kaggle kernels push` would send, is not touched, and a later build
    does not overwrite the source of a running kernel.
    """
    bundle = build_bundle(_make_entry(root, config))
    path = root / BUILD_FOLDER / "kernels" / f"{bundle.sha256[:12]}.py"
    check_output_file("build", path)
    write_text(path, bundle.text)
    return path


def _make_entry(root: Path, config: Config, in_notebook: bool = False) -> Entry:
    text = render_entry(root / "kernel_template", config, in_notebook)
    return Entry(text=text, name="kernel.py", root=root, preface=render_preface(config))


def render_preface(config: Config) -> str:
    """A Config -> the block at the top of the kernel: CONFIG = {...}, a key a line.

    Candidates of recipe auto differ in some keys. Such a key is a comment unless it was given,
    because a key in CONFIG applies to all candidates.
    """
    preset, lines = find_preset(config.recipe, config.competition), []
    shown = list_shown_keys(config, preset)
    able = [each for each in preset.candidates if each.can_make(config.image_px)]
    rows = [(each, as_candidate(config, preset, each)) for each in able]
    for name in KEYS:
        words = explain_key(name, preset) if name in preset.keys else ""
        value = f"{name!r}: {show_value(name, getattr(config, name))!r},"
        if name in shown:
            lines.append(f"    {value:<29} # {words}")
        elif words:
            own = [
                f"{each.name} {show_value(name, getattr(row, name))}"
                for each, row in rows
                if name in each.keys
            ]
            lines.append(f"    {f'# {name!r}: ...,':<29} # {words}; else: {', '.join(own)}")
    head = "# What this run does; edit it as you like. A key that is not here is the recipe's own."
    return "\n".join([head, "CONFIG = {", *lines, "}", ""])


def render_entry(templates: Path, config: Config, in_notebook: bool = False) -> str:
    """(kernel_template/, Config) -> the entry's text, with the report's template as a string."""
    return _render(
        templates / "entry.py.j2",
        report_template=quote_text((templates / "report.html.j2").read_text(encoding="utf-8")),
        recipes=list(ROWS.values()),
        package=find_package(config.competition),
        in_notebook=in_notebook,
    )


def render_introduction(templates: Path, metadata: Metadata, config: Config) -> str:
    """(kernel_template/, the notebook's Metadata, Config) -> Markdown of its first cell."""
    sources = (metadata.competition_sources, metadata.dataset_sources, metadata.kernel_sources)
    return _render(
        templates / "introduction.md.j2",
        metadata=metadata,
        config=config,
        rules=find_rules(config.competition),
        attached=[name for names in (*sources, metadata.model_sources) for name in names],
        quota=describe_quota(config.minutes),
    )


def _render(template: Path, **values: Any) -> str:
    import jinja2  # bundles of other scripts do not need it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template.name).render(**values)


def quote_text(text: str) -> str:
    """A text -> a Python expression for it, in readable lines where its characters allow."""
    if "\\" in text or '"""' in text or text.endswith('"'):
        return repr(text)
    return f'"""{text}"""'
