"""`build.py [build]`: sources and options -> build/kernel.py, ready for `kaggle kernels push`."""

import argparse

from lib.commands.kernel_build import build_kernel
from lib.commands.kernel_options import (
    SETTINGS,
    add_config_options,
    add_form_option,
    add_full_option,
    read_config,
)
from lib.commands.on_kaggle.push import describe_quota
from lib.commands.options import BUILD_PY, Answer, Command
from lib.kaggle.machine_shapes import choose_timeout
from lib.kaggle.metadata import BUILD_FOLDER, load_metadata
from lib.kaggle.metadata_fields import FILE_NAME
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import RANDOM_WEIGHTS


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_form_option(parser)
    add_full_option(parser)
    add_config_options(parser)


def _name_push(form: str, seconds: int) -> str:
    """(form, seconds after which its run is to end) -> the words that push what was built."""
    place = f" -p {BUILD_FOLDER}/notebook" if form == "notebook" else ""
    own = f"{BUILD_PY} push{' --format notebook' * (form == 'notebook')}"
    return f"kaggle kernels push{place} -t {seconds}, where -t ends a run that hangs; or {own}"


def _run(options: argparse.Namespace) -> Answer:
    config = read_config(options).config
    built = build_kernel(ROOT, config, options.format, options.full)
    size = built.path.stat().st_size
    kernel, manifest = (each.relative_to(ROOT) for each in (built.path, built.manifest_path))
    shape = load_metadata(ROOT / FILE_NAME).machine_shape
    seconds = choose_timeout(config.minutes, shape)
    is_random = config.weights_file == RANDOM_WEIGHTS
    lines = [
        f"{kernel}: {size:,} bytes, bundle {built.sha256[:12]}",
        f"{manifest}: what went in",
        f"next: {_name_push(options.format, seconds)}",
        f"a run of it takes {describe_quota(config.minutes, shape)}",
    ]
    if is_random:
        lines.append(
            "RANDOM WEIGHTS: a smoke test, whose submission is worthless; build without "
            "--weights random before you push"
        )
    facts = {
        "kernel": kernel,
        "manifest": manifest,
        "bytes": size,
        "bundle_sha256": built.sha256,
        "recipe": config.recipe,
        "minutes": config.minutes,
        "session_timeout_s": seconds,
        "random_weights": is_random,
    }
    return Answer("\n".join(lines), facts)


BUILD = Command(
    "build",
    "write build/kernel.py, ready for Kaggle, and its manifest",
    _add_options,
    _run,
    (
        ("build", "recipe auto, 90 minutes"),
        ("build --recipe pixel --minutes 60 --set lr=1e-3", "one recipe, shorter, another rate"),
        ("build --recipe pixel --set help", "the keys of a recipe"),
        ("build --format notebook", "build/notebook/kernel.ipynb instead"),
    ),
    json="kernel, manifest, bytes, bundle_sha256, recipe, minutes, session_timeout_s and "
    "random_weights",
    settings=SETTINGS,
)
