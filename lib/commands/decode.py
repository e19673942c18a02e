"""`build.py decode`: a folder of shards -> the clean data set and a summary."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place, check_output_folder
from lib.base.tables import format_table
from lib.commands.options import Command
from lib.kernel.configuration.aliases import take_old_names
from lib.kernel.configuration.config import POLICIES


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", required=True, metavar="DIR", help="folder or zip with the shards"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="what is written goes here")
    parser.add_argument(
        "--policy", default=POLICIES[0], metavar="NAME", help=f"{', '.join(POLICIES)}"
    )


def _run(options: argparse.Namespace) -> int:
    from lib.kernel.competition.gan_challenge.dataset import (  # numpy, Pillow
        SUMMARY_FILE,
        decode_dataset,
    )
    from lib.kernel.competition.gan_challenge.decode_policy import get_policy

    policy = take_old_names("policy", options.policy)[1]
    get_policy(policy)
    source = check_input_place("decode", Path(options.input))
    target = check_output_folder("decode", Path(options.output))
    decoded = decode_dataset(source, target, policy)
    rejected = sum(decoded.rejected.values())
    counts = [("kept", decoded.kept), ("rejected", rejected)]
    counts += [(f"  {reason}", count) for reason, count in decoded.rejected.items()]
    counts += [(f"note: {note}", count) for note, count in decoded.notes.items()]
    rows = [(name, f"{count:,}") for name, count in counts]
    rows.append(("seconds", f"{decoded.seconds:.1f}"))
    print(format_table(rows, right=(1,), least=(0, 9)))
    files = ", ".join((*decoded.sha256, SUMMARY_FILE))
    print(f"{decoded.folder.absolute()}: {files}")
    return 0


DECODE = Command("decode", "shards -> clean images, ids and rejects", _add_options, _run)
