"""`build.py decode`: a folder of shards -> the clean data set and a summary."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place, check_output_folder
from lib.base.tables import format_table
from lib.commands.kernel_options import add_policy_option
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group
from lib.kernel.configuration.aliases import take_old_names


def _add_options(parser: argparse.ArgumentParser) -> None:
    data = find_group(parser, DATA)
    data.add_argument("--input", required=True, metavar="DIR", help="folder or zip with the shards")
    add_policy_option(data)
    find_group(parser, OUTPUT).add_argument(
        "--output", required=True, metavar="DIR", help="images, ids, rejects and a sheet go here"
    )


def _run(options: argparse.Namespace) -> Answer:
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
    files = [*decoded.sha256, SUMMARY_FILE]
    text = format_table(rows, right=(1,), least=(0, 9))
    facts = {
        "kept": decoded.kept,
        "rejected": decoded.rejected,
        "notes": decoded.notes,
        "seconds": decoded.seconds,
        "folder": decoded.folder.absolute(),
        "files": files,
    }
    return Answer(f"{text}\n{decoded.folder.absolute()}: {', '.join(files)}", facts)


DECODE = Command(
    "decode",
    "write clean images, their ids and the rejected records of shards",
    _add_options,
    _run,
    (
        ("decode --input data --output clean", "a folder or zip of shards"),
        ("decode --input data --output clean --policy first-seed", "as a public solution reads"),
    ),
    json="kept, rejected and notes (reason: count), seconds, folder and files",
)
