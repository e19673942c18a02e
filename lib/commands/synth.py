"""`build.py synth`: look-alikes or Fashion-MNIST -> shards in the competition's format."""

import argparse
from collections import Counter
from pathlib import Path

from lib.base.errors import InputError
from lib.base.places import check_input_place, check_output_folder
from lib.base.tables import format_table
from lib.commands.options import Command

_KINDS = ("look-alike", "fashion")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", required=True, metavar="DIR", help="the shards go here")
    parser.add_argument("--kind", default=_KINDS[0], choices=_KINDS)
    parser.add_argument(
        "--source", metavar="PLACE", help="idx file or its folder; default: Debian's package"
    )
    parser.add_argument("--records", type=int, default=60_000, metavar="N", help="at most")
    parser.add_argument("--seed", type=int, default=0, metavar="S")


def _run(options: argparse.Namespace) -> int:
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
    print(format_table(rows, right=(1,), least=(16, 8)))
    print(f"{folder.absolute()}: {len({written.file for written in truth})} shards")
    return 0


SYNTH = Command("synth", "look-alikes or real images -> shards", _add_options, _run)
