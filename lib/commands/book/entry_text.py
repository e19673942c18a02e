"""A Config -> the kernel's entry: the imports of its recipe, its competition and its stages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.kernel.competition.table import find_package
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.configure import list_configs
from lib.kernel.configuration.stage_keys import STAGE_KEYS, list_needed
from lib.kernel.recipes.table import ROWS, Row, find_preset

# A field of lib.kernel.stages.Stages -> its module, and the name in it (none: the module itself).
_STAGES = {
    "ranks": ("lib.kernel.training", "worker_rank"),
    "make_graphs": ("lib.kernel.device.cuda_graph", "make_graphs"),
    "finetune": ("lib.kernel.training.fid_finetune", "finetune_by_fid"),
    "tune_temperature": ("lib.kernel.sampling.temperature_sweep", "tune_temperature"),
    "curate": ("lib.kernel.curation.choose", "choose_images"),
    "use_tf_layout": ("lib.kernel.metrics.inception_tf", "use_tf_layout"),
    "measure_unseen": ("lib.kernel.metrics.unseen_fid", "measure_unseen"),
    "score_unseen": ("lib.kernel.metrics.unseen_fid", "score_unseen"),
    "measure_extra": ("lib.kernel.metrics.extra_metrics", "measure_extra"),
}


@dataclass(frozen=True)
class Parts:
    """What an entry names for a Config."""

    recipes: tuple[Row, ...]
    stages: Mapping[str, str]  # a field of Stages -> the name in its module


def choose_parts(config: Config, full: bool) -> Parts:
    """(Config, whether all goes in) -> one recipe, its candidates and the stages that it uses."""
    preset = find_preset(config.recipe, config.competition)
    own = [config.recipe, *(candidate.name for candidate in preset.candidates)]
    always = {"measure_extra"}
    if preset.sets_images_aside:
        always |= {"measure_unseen", "score_unseen"}
    needed = {*always, *(STAGE_KEYS[key] for key in list_needed_keys(config))}
    stages = {name: _STAGES[name][1] for name in _STAGES if full or name in needed}
    return Parts(tuple(ROWS[name] for name in (ROWS if full else own)), stages)


def render_entry(
    templates: Path, config: Config, full: bool = False, in_notebook: bool = False
) -> str:
    """(kernel_template/, Config, whether all goes in, whether it is for a notebook) -> its text.

    The report's template is a string in it.
    """
    parts = choose_parts(config, full)
    report = (templates / "report.html.j2").read_text(encoding="utf-8")
    viewer = [("lib.kernel.report.inline", "InlineViewer")] if in_notebook else []
    return render_template(
        templates / "entry.py.j2",
        imports=list_imports(config.competition, [parts], viewer),
        in_notebook=in_notebook,
        recipes=parts.recipes,
        stages=parts.stages,
        report_template=quote_text(report),
    )


def render_template(template: Path, **values: Any) -> str:
    """(a template of kernel_template/, its values) -> the text."""
    import jinja2  # bundles of other scripts do not need it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template.name).render(**values)


def list_needed_keys(config: Config) -> set[str]:
    """A Config -> the keys by which it, or one of its candidates, asks for an optional stage."""
    preset = find_preset(config.recipe, config.competition)
    return {key for each in list_configs(config, preset) for key in list_needed(each)}


def list_imports(
    competition: str, wanted: Iterable[Parts], others: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """The names that an entry needs -> its lines of imports, in the order of their modules."""
    pairs = {
        ("lib.kernel", "pipeline"),
        (f"{find_package(competition)}.competition", "COMPETITION"),
        ("lib.kernel.main", "main"),
        ("lib.kernel.stages", "Kernel, Stages"),
        *others,
    }
    for parts in wanted:
        pairs |= {(row.module, row.name) for row in parts.recipes}
        pairs |= {_STAGES[name] for name in parts.stages}
    return [f"from {module} import {name}" for module, name in sorted(pairs)]


def quote_text(text: str) -> str:
    """A text -> a Python expression for it, in readable lines where its characters allow."""
    if "\\" in text or '"""' in text or text.endswith('"'):
        return repr(text)
    return f'"""{text}"""'
