"""`build.py [build]`: sources and options -> build/kernel.py, ready for `kaggle kernels push`."""

import argparse

from lib.host.kernel_build import FORMS, build_kernel
from lib.host.options import Command, add_config_options, read_config
from lib.host.workplace import ROOT


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", default="script", metavar="FORM", help=" or ".join(FORMS))
    add_config_options(parser)


def _run(options: argparse.Namespace) -> int:
    built = build_kernel(ROOT, read_config(options).config, options.format)
    size = built.path.stat().st_size
    print(f"{built.path.relative_to(ROOT)}: {size:,} bytes, bundle {built.sha256[:12]}")
    print(f"{built.manifest_path.relative_to(ROOT)}: what went in")
    return 0


BUILD = Command("build", "write build/kernel.py and its manifest", _add_options, _run)
