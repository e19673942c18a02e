"""`build.py run`: shards in a folder -> a finished run in another, by the bundle alone."""

import argparse
from pathlib import Path

from lib.host.kernel_build import build_kernel
from lib.host.options import Command, add_config_options, read_config
from lib.host.sandbox import become_kernel
from lib.host.workplace import ROOT
from lib.kernel.places import check_input_place, check_output_folder
from lib.kernel.storage import write_bytes


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", required=True, metavar="DIR", help="folder or zip with the shards"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="the run's results")
    add_config_options(parser)


def _run(options: argparse.Namespace) -> int:
    cure = "give a folder or zip with the competition's shards, or make some: build.py synth"
    source = check_input_place("run", Path(options.input), cure)
    target = check_output_folder("run", Path(options.output))
    chosen = read_config(options)
    built = build_kernel(ROOT, chosen.config)
    # A copy under the bundle's hash: a later build must not pull a running kernel's source away.
    kernel = ROOT / "build" / "kernels" / f"{built.sha256[:12]}.py"
    write_bytes(kernel, built.path.read_bytes())
    cache = ROOT / "build" / "cache"
    become_kernel(kernel, source, target, chosen.weights_path, cache, options.debug)


RUN = Command(
    "run", "build, then run the bundle here on a folder or zip of shards", _add_options, _run
)
