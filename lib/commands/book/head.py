"""What stands in the first lines of a kernel: what it is, reads, writes, takes; how to fork it."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from lib.base.kaggle_limits import SESSION_MINUTES
from lib.kernel.competition.table import find_rules
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config
from lib.kernel.configuration.preset import Preset
from lib.kernel.recipes.table import find_preset

_WIDTH = 98  # characters of a line without its "# "
_MARGIN = 14  # characters of the column on the left


def render_head(config: Config, licence: Path) -> str:
    """(Config, path of LICENSE) -> the head of its kernel, without the "#" before each line."""
    rules = find_rules(config.competition)
    title = f"{rules.title} by recipe {config.recipe}: a self-contained script for Kaggle."
    rows = [*describe_kernel(config), ("LICENCE", describe_licence(licence))]
    lines = [title, ""]
    for word, text in rows:
        indent = " " * _MARGIN
        wrapped = textwrap.wrap(text, _WIDTH - _MARGIN, break_on_hyphens=False)
        lines += textwrap.indent("\n".join(wrapped), indent).split("\n")
        lines[-len(wrapped)] = f"{word:<{_MARGIN}}{wrapped[0]}"
    return "\n".join(lines)


def describe_kernel(config: Config) -> Iterator[tuple[str, str]]:
    """A Config -> a word and a text for each paragraph of the head."""
    rules = find_rules(config.competition)
    preset = find_preset(config.recipe, config.competition)
    yield "WHAT", f"{rules.task} {preset.idea}"
    weights = f"Inception's weights {config.weights_file}"
    if config.weights_file == RANDOM_WEIGHTS:
        source = "Inception's weights are random: a smoke test, whose FID means nothing."
    else:
        source = f"And {weights}: from an attached data set, else by torchvision's own download."
    yield "READS", f"{rules.reads} {source}"
    yield (
        "WRITES",
        f"{rules.writes} And report.html, metrics.json and the training state, from which a next "
        "version goes on.",
    )
    yield "TAKES", _describe_time(config)
    yield "CHANGE FIRST", _describe_first(preset)
    yield (
        "FORK",
        "Copy & Edit on Kaggle, attach the data, choose the accelerator GPU T4 x2, change CONFIG, "
        "save a version. Elsewhere: KERNEL_INPUT=data KERNEL_OUTPUT=out python kernel.py",
    )
    yield (
        "EDIT",
        "Any line between two banners may be changed: each file stands as it is, indented by four, "
        "and is imported from here by the runtime at the end. Written by build.py from sources: "
        "where you have them, change those.",
    )


def _describe_time(config: Config) -> str:
    bounds = [(config.steps, "steps"), (config.epochs, "epochs"), (config.train_minutes, "min")]
    asked = " or ".join(f"{bound:,g} {unit}" for bound, unit in bounds if bound)
    training = f"trains at most {asked}" if asked else "trains as long as fits"
    return (
        f"At most {config.minutes:g} minutes, all told (CONFIG's minutes), and {training}. Kaggle "
        f"ends a session at {SESSION_MINUTES} minutes; what was made until then is kept."
    )


def _describe_first(preset: Preset) -> str:
    first, second, third = preset.first_keys
    return f"{first}, {second} and {third}: they stand at the top of CONFIG."


def describe_licence(path: Path) -> str:
    """The path of LICENSE -> its name and whose it is, in one line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return f"{lines[0]}. {lines[1]}."
