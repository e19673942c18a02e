"""`build.py [build]`: sources and options -> build/kernel.py, ready for `kaggle kernels push`."""

import argparse

from lib.commands.kernel_build import build_kernel
from lib.commands.options import (
    Command,
    add_config_options,
    add_form_option,
    add_full_option,
    read_config,
)
from lib.commands.push import describe_quota
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import RANDOM_WEIGHTS


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_form_option(parser)
    add_full_option(parser)
    add_config_options(parser)


def _run(options: argparse.Namespace) -> int:
    config = read_config(options).config
    built = build_kernel(ROOT, config, options.format, options.full)
    size = built.path.stat().st_size
    print(f"{built.path.relative_to(ROOT)}: {size:,} bytes, bundle {built.sha256[:12]}")
    print(f"{built.manifest_path.relative_to(ROOT)}: what went in")
    print(f"a run of it takes {describe_quota(config.minutes)}")
    if config.weights_file == RANDOM_WEIGHTS:
        print(
            "RANDOM WEIGHTS: a smoke test, whose submission is worthless; build without "
            "--weights random before you push"
        )
    return 0


BUILD = Command("build", "write build/kernel.py and its manifest", _add_options, _run)
