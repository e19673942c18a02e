"""`build.py synth`: look-alikes or Fashion-MNIST -> shards in the competition's format."""

import argparse
from collections import Counter
from pathlib import Path

from lib.base.errors import InputError
from lib.base.places import check_input_place, check_output_folder
from lib.base.tables import format_table
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group, tell

_KINDS = ("look-alike", "fashion")


def _add_options(parser: argparse.ArgumentParser) -> None:
    data, output = find_group(parser, DATA), find_group(parser, OUTPUT)
    words = tell("the pictures: made to look alike the competition's, or Fashion-MNIST", _KINDS[0])
    data.add_argument("--kind", default=_KINDS[0], choices=_KINDS, help=words)
    words = tell("Fashion-MNIST's idx file or its folder", "Debian's package")
    data.add_argument("--source", metavar="PLACE", help=words)
    words = tell("at most", 60_000, "records")
    data.add_argument("--records", type=int, default=60_000, metavar="N", help=words)
    words = tell("the same seed draws the same shards", 0)
    data.add_argument("--seed", type=int, default=0, metavar="S", help=words)
    output.add_argument("--output", required=True, metavar="DIR", help="the shards go here")


def _run(options: argparse.Namespace) -> Answer:
    from lib.synthetic.idx_files import DEBIAN_FASHION_MNIST, place_on_canvas, read_fashion
    from lib.synthetic.look_alike import look_alike
    from lib.synthetic.shards import write_shards

    if options.records < 1:
        raise InputError(
            "synth", "--records is too small", expected="1 or more", got=str(options.records)
        )
    folder = check_output_folder("synth", Path(options.output))
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            "synth",
            "the output folder is not empty",
            got=str(folder),
            cure="name a new folder, or empty this one: old shards would mix with the new",
        )
    if options.kind == "fashion":
        source = DEBIAN_FASHION_MNIST
        if options.source:
            source = check_input_place("synth", Path(options.source))
        images = place_on_canvas(read_fashion(source)[: options.records], options.seed)
    else:
        images = look_alike(options.records, options.seed)
    truth = write_shards(images, folder, options.seed)
    reasons = Counter(written.reason or "to be kept" for written in truth)
    rows = [(reason, f"{count:,}") for reason, count in reasons.most_common()]
    shards = len({written.file for written in truth})
    table = format_table(rows, right=(1,), least=(16, 8))
    facts = {"records": dict(reasons.most_common()), "folder": folder.absolute(), "shards": shards}
    return Answer(f"{table}\n{folder.absolute()}: {shards} shards", facts)


SYNTH = Command(
    "synth",
    "write shards like the competition's, broken records and all",
    _add_options,
    _run,
    (
        ("synth --output data --records 2000", "enough for a first run"),
        ("synth --output fashion --kind fashion", "60,000 ordinary pictures"),
    ),
    json="records (why it is broken, or 'to be kept': count), folder and shards",
)
