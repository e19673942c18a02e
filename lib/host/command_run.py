"""`build.py run`: shards in a folder -> a finished run in another, by the bundle alone."""

import argparse
from pathlib import Path

from lib.host.kernel_build import build_kernel
from lib.host.options import Command, add_config_options, read_config
from lib.host.sandbox import become_kernel
from lib.host.workplace import ROOT
from lib.kernel.errors import InputError
from lib.kernel.storage import write_bytes


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
    kernel = ROOT / "build" / "kernels" / f"{built.sha256[:12]}.py"
    write_bytes(kernel, built.path.read_bytes())
    cache = ROOT / "build" / "cache"
    become_kernel(kernel, source, target, chosen.weights_path, cache, options.debug)


RUN = Command("run", "build, then run the bundle here on a folder of shards", _add_options, _run)
