"""`build.py run`: shards in a folder -> a finished run in another, by the bundle alone."""

import argparse
import shutil
from pathlib import Path

from lib.host.kernel_build import ROOT, build_kernel
from lib.host.options import Command, add_config_options, read_config
from lib.host.sandbox import become_kernel
from lib.kernel.errors import InputError


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, metavar="DIR", help="folder with the shards")
    parser.add_argument("--output", required=True, metavar="DIR", help="the run's results")
    add_config_options(parser)


def _run(options: argparse.Namespace) -> int:
    source, target = Path(options.input), Path(options.output)
    if not source.is_dir():
        raise InputError(
            "run",
            "the input folder is not there",
            got=str(source),
            cure="give a folder with the competition's shards, or make some: build.py synth",
        )
    if target.exists() and not target.is_dir():
        raise InputError("run", "the output is no folder", got=str(target), cure="give a folder")
    chosen = read_config(options)
    built = build_kernel(ROOT, chosen.config)
    # A copy under the bundle's hash: a later build must not pull a running kernel's source away.
    scratch = target.absolute().parent / f"{target.absolute().name}.scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    kernel = scratch / f"kernel-{built.sha256[:12]}.py"
    shutil.copyfile(built.path, kernel)
    become_kernel(
        kernel, source, target, chosen.weights_path, ROOT / "build" / "cache", options.debug
    )


RUN = Command("run", "build, then run the bundle here on a folder of shards", _add_options, _run)
