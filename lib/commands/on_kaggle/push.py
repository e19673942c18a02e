"""`build.py push`: build a bundle, run it on Kaggle and record the push in the ledger."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lib.base.errors import InputError, PipelineError
from lib.base.kaggle_limits import SESSION_MINUTES, WEEK_HOURS
from lib.base.log import log
from lib.commands.bundling.bundle import add_bundler_options
from lib.commands.kernel_options import (
    SETTINGS,
    ChosenConfig,
    add_config_options,
    add_form_option,
    add_full_option,
    read_config,
)
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.named_version import describe_version
from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.on_kaggle.push_entry import (
    Loaded,
    add_project_options,
    demand_one_kind,
    load_entry,
)
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import BUNDLE, KAGGLE, find_group, tell
from lib.kaggle.git_state import GitState, read_git_state
from lib.kaggle.machine_shapes import MARGIN_MINUTES, is_cpu, is_tpu, list_usual
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.workspace import ROOT, Workspace
from lib.kernel.competition.table import DEFAULT_COMPETITION, find_mismatch
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config, as_dict

if TYPE_CHECKING:
    from lib.kaggle.push import Cargo


_WITH_ENTRY = {  # option -> what it is to a program of one's own
    "--competition": "the slug of the one to submit to",
    "--minutes": f"Kaggle ends the run {MARGIN_MINUTES} min after them (default: at its limit)",
}


def describe_quota(minutes: float, shape: str, sessions: int = 1) -> str:
    """(minutes of a run, or of several sessions, machine_shape) -> what they cost, in words.

    That is their share of a week's GPU hours, which a CPU and a TPU take nothing of.
    """
    minutes = min(minutes, sessions * SESSION_MINUTES)
    if is_cpu(shape) or is_tpu(shape):
        kind = "TPU" if is_tpu(shape) else "CPU"
        return f"at most {minutes:g} min of a {kind}, none of Kaggle's GPU hours"
    share = minutes / (60 * WEEK_HOURS)
    told = f"{share:.0%}" if share >= 0.01 else "less than 1%"
    return f"at most {minutes:g} min, {told} of Kaggle's {WEEK_HOURS} GPU hours a week"


def add_push_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that push and sweep share."""
    add_full_option(parser)
    group = find_group(parser, KAGGLE)
    words = tell("machine_shape of this push alone", "that of kernel-metadata.json")
    words += f": {list_usual()}"
    group.add_argument("--accelerator", metavar="SHAPE", help=words)
    group.add_argument(
        "--allow-dirty", action="store_true", help="push sources that are in no commit"
    )


def list_overrides(options: argparse.Namespace) -> tuple[str, ...]:
    """Options of add_config_options -> "key=value" for what was given besides the recipe."""
    named = {key: getattr(options, key) for key in ("competition", "minutes", "seed", "weights")}
    usual = {"competition": DEFAULT_COMPETITION}
    given = (f"{key}={value}" for key, value in named.items() if value != usual.get(key))
    return (*options.set, *given)


def prepare_push(
    options: argparse.Namespace, form: str = "script"
) -> tuple[Workspace, Metadata, GitState]:
    """Read metadata and git state; raise InputError where no commit holds the sources."""
    from lib.kaggle.push import check_clean, choose_machine  # requests is slow to import

    work = open_workspace(options)
    metadata = choose_machine(work.read_metadata(form), options.accelerator)
    git = read_git_state(ROOT)
    check_clean(git, options.allow_dirty)
    return work, metadata, git


def make_cargo(
    options: argparse.Namespace, config: Config, git: GitState, form: str = "script"
) -> "Cargo":
    """Build the kernel of a Config, and collect what the ledger records of it."""
    from lib.commands.kernel_build import build_kernel
    from lib.kaggle.push import Cargo  # requests is slow to import

    sources = Workspace(ROOT).read_metadata().competition_sources
    if mismatch := find_mismatch(config.competition, sources):
        cure = "name your data in competition_sources or dataset_sources of kernel-metadata.json"
        raise InputError("push", mismatch, cure=cure)

    built = build_kernel(ROOT, config, form, options.full)
    facts = describe_kernel(options.recipe, list_overrides(options), config)
    minutes, text = config.minutes, built.text
    return Cargo(built.path, built.sha256, options.recipe, facts, git, minutes, text)


def describe_kernel(recipe: str, overrides: Sequence[str], config: Config) -> dict[str, Any]:
    """(a recipe's name, "key=value" as given, the Config) -> what the ledger records of a push."""
    return {
        "recipe": recipe,
        "overrides": list(overrides),
        "config": as_dict(config),
        "weights_file": config.weights_file,
        "weights_sha256": config.weights_sha256,
    }


def warn_of_weights(chosen: ChosenConfig, metadata: Metadata) -> None:
    """Print a warning if the run can never be submitted, or will not find its weights."""
    name = chosen.config.weights_file
    if name == RANDOM_WEIGHTS:
        log("push", "warning: random weights make a smoke test; submit will refuse its result")
    elif name != Config().weights_file and not (metadata.dataset_sources or metadata.model_sources):
        log(
            "push",
            f"warning: {name} cannot be downloaded: python build.py weights FILE attaches it",
        )


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_form_option(parser)
    add_config_options(parser)
    for action in parser._actions:
        for option in set(action.option_strings) & _WITH_ENTRY.keys():
            action.help = f"{action.help}; with --entry: {_WITH_ENTRY[option]}"
    add_push_options(parser)
    add_entry(parser)
    add_project_options(parser)
    add_bundler_options(parser, BUNDLE)
    words = "watch the run until it ends"
    find_group(parser, KAGGLE).add_argument("--wait", action="store_true", help=words)
    words = "save the version on Kaggle without running it"
    find_group(parser, KAGGLE).add_argument("--no-run", action="store_true", help=words)


def _load_kernel(options: argparse.Namespace) -> Loaded:
    """Build this repository's kernel, and say what it will take."""
    work, metadata, git = prepare_push(options, options.format)
    chosen = read_config(options)
    warn_of_weights(chosen, metadata)
    log("push", f"takes {describe_quota(chosen.config.minutes, metadata.machine_shape)}")
    return Loaded(work, metadata, make_cargo(options, chosen.config, git, options.format))


@name_entry
def _run(options: argparse.Namespace) -> int | Answer:
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.push import push_cargo
    from lib.kaggle.recorded_steps import watch_and_record

    demand_one_kind(options)
    if options.no_run and options.wait:
        raise InputError("push", "--no-run leaves nothing to wait for", cure="leave out --wait")
    loaded = load_entry(options) if options.entry is not None else _load_kernel(options)
    work, cargo = loaded.work, loaded.cargo
    metadata = replace(loaded.metadata, is_run=not options.no_run)
    code, failure = 0, None
    with open_session(work.patience) as session:
        pushed = push_cargo(work, session, metadata, cargo)
        if options.wait:
            try:
                code = watch_and_record(work, session, pushed.ref, pushed.version)
            except PipelineError as error:
                if not options.json:
                    raise
                failure = error
    if options.no_run:
        log("push", f"saved and not run: start it at {pushed.url}")
    elif not options.wait:
        log("push", f"next: {work.name_command(f'watch {pushed.version}')}")
    if not options.json:
        return code
    status = describe_version(work, pushed.ref, pushed.version)["status"]
    facts = {"ref": pushed.ref, "version": pushed.version, "bundle_sha256": cargo.bundle_sha256}
    return Answer("", {**facts, "status": status}, code, failure)


PUSH = Command(
    "push",
    "build the kernel, check it and run it on Kaggle",
    _add_options,
    _run,
    (
        ("push --wait", "recipe auto, and its log until it ends"),
        ("push --recipe pixel --minutes 60", "one recipe, shorter"),
        ("push --recipe pixel --set help", "the keys of a recipe"),
        ("push --entry kernel.py", "a program of your own: the project around kernel.py"),
    ),
    json="ref, version, bundle_sha256 and status",
    settings=SETTINGS,
)
