"""What stands in the first lines of a kernel: what it is, reads, writes, takes; how to fork it."""

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from lib.base.kaggle_limits import SESSION_MINUTES
from lib.commands.book.config_block import list_first_keys
from lib.kernel.competition.table import find_rules
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config
from lib.kernel.configuration.preset import Preset
from lib.kernel.recipes.table import find_preset

_WIDTH = 98  # characters of a line without its "# "
_MARGIN = 14  # characters of the column on the left


def render_head(config: Config, licence: Path) -> str:
    """(Config, path of LICENSE) -> the head of its kernel, without the "#" before each line."""
    rules = find_rules(config.competition)
    made = "a self-contained script for Kaggle, made by Kernelpress."
    title = f"{rules.title} by recipe {config.recipe}: {made}"
    return lay_out_head(title, [*describe_kernel(config), ("LICENCE", describe_licence(licence))])


def lay_out_head(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """(title, a word and a text for each paragraph) -> the head, the words in a column."""
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
    if config.weights_file == RANDOM_WEIGHTS:
        source = "Inception's weights are random: a smoke test, whose FID means nothing."
    else:
        source = (
            f"Inception's weights {config.weights_file} from KERNEL_WEIGHTS=FILE or an attached "
            "data set that holds it; else downloaded: set the notebook's internet ON."
        )
    yield "READS", f"{rules.reads} {source}"
    yield "WRITES", f"{rules.writes} {_describe_other_files(preset)}"
    yield "TAKES", _describe_time(config)
    yield "CHANGE FIRST", _describe_first(config)
    yield (
        "FORK",
        "Copy & Edit on Kaggle, attach the data (Add Input), accelerator GPU T4 x2, change CONFIG, "
        "save a version, as a script or in one notebook cell. Elsewhere: KERNEL_INPUT=data "
        "KERNEL_OUTPUT=out python THIS_FILE, by Python 3.11+ with torch, torchvision, scipy, "
        "pillow and jinja2. A quick trial: 'steps': 20, 'samples': 50, 'weights_file': 'random'. "
        "A run that went well ends its log with lines of done.",
    )
    yield (
        "EDIT",
        "Each file stands below in an `if 0:` block. Python skips it, and the runtime at the end "
        "reads it from here and imports it: this is the code that runs. Change any line between "
        "two banners, add or delete some, and keep the four spaces before it; then name a fresh "
        "KERNEL_OUTPUT. Written by build.py from sources: where you have them, change those.",
    )


def _describe_other_files(preset: Preset) -> str:
    snapshots = "samples_v1/epoch_XXX.png and checkpoints_v1/G_epoch_XXX.pth of some epochs, "
    return (
        f"Also {snapshots if 'save_every' in preset.keys else ''}real.png, generated.png, "
        "report.html, metrics.json, run_manifest.json (all files' sha256) and training_state/, "
        "from which a next version goes on."
    )


def _describe_time(config: Config) -> str:
    bounds = [(config.steps, "steps"), (config.epochs, "epochs"), (config.train_minutes, "min")]
    asked = " or ".join(f"{bound:,g} {unit}" for bound, unit in bounds if bound)
    ends = f" or after {asked}, whichever comes first" if asked else ""
    return (
        f"At most {config.minutes:g} minutes, all told (CONFIG's minutes): training ends in time "
        f"for the rest{ends}. Keep minutes below {SESSION_MINUTES - 20}: a session that Kaggle "
        f"cuts off at {SESSION_MINUTES} leaves no submission."
    )


def _describe_first(config: Config) -> str:
    *others, last = list_first_keys(config) or ["seed"]
    named = f"{', '.join(others)} and {last}" if others else last
    return f"{named}: they stand at the top of CONFIG."


def describe_licence(path: Path) -> str:
    """The path of LICENSE -> its name and whose it is, in one line."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(f"{line}." for line in lines[:2]) or "None is given."
