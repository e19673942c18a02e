"""`build.py run`: run the bundle alone on a competition's data, into an output folder."""

import argparse
from pathlib import Path

from lib.base.log import log
from lib.base.places import check_input_place, check_output_folder
from lib.commands.kernel_build import build_local
from lib.commands.kernel_options import SETTINGS, add_config_options, add_full_option, read_config
from lib.commands.options import Command
from lib.commands.sandbox import become_kernel
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group
from lib.kaggle.metadata import BUILD_FOLDER
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import Config


def _add_options(parser: argparse.ArgumentParser) -> None:
    find_group(parser, DATA).add_argument(
        "--input", required=True, metavar="DIR", help="folder or zip with the competition's data"
    )
    find_group(parser, OUTPUT).add_argument(
        "--output", required=True, metavar="DIR", help="the run's results; the same one resumes it"
    )
    add_full_option(parser)
    add_config_options(parser)


def _run(options: argparse.Namespace) -> int:
    cure = "give a folder or zip with the competition's data, or make shards: build.py synth"
    source = check_input_place("run", Path(options.input), cure)
    target = check_output_folder("run", Path(options.output))
    chosen = read_config(options)
    kernel = build_local(ROOT, chosen.config, options.full)
    log("run", f"{_announce(chosen.config)}: {source} -> {target}")
    cache = ROOT / BUILD_FOLDER / "cache"
    become_kernel(kernel, source, target, chosen.weights_path, cache, options.debug)


def _announce(config: Config) -> str:
    """A Config -> what the run will do and how long that may take."""
    bounds = [(config.steps, "steps"), (config.epochs, "epochs"), (config.train_minutes, "min")]
    asked = [f"at most {bound:,} {unit}" for bound, unit in bounds if bound]
    training = f"{' or '.join(asked)} of training" if asked else "as much training as fits"
    most = f"{config.minutes:g} min at most" if not config.steps else "the plan says how long"
    return f"recipe {config.recipe}, {training}, {config.samples:,} images to submit; {most}"


RUN = Command(
    "run",
    "build the kernel, then run it here on a folder or zip of data",
    _add_options,
    _run,
    (
        ("run --input data --output out", "recipe auto, 90 minutes at most"),
        ("run --input data --output out --recipe pixel --minutes 10", "shorter, one recipe"),
        (
            "run --input data --output out --weights random --set steps=20",
            "a smoke test; its FID means nothing",
        ),
        ("run --recipe pixel --set help", "the keys of a recipe"),
    ),
    settings=SETTINGS,
)
