"""`build.py audit`: shards -> how each decoding policy changes pictures and FID."""

import argparse
import dataclasses
from pathlib import Path

from lib.base.files import write_json
from lib.base.places import check_input_file, check_input_place, check_output_folder
from lib.base.tables import format_table
from lib.commands.kernel_options import add_weights_option
from lib.commands.options import Answer, Command, read_number
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group, tell
from lib.kaggle.metadata import BUILD_FOLDER
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config


def _add_options(parser: argparse.ArgumentParser) -> None:
    data = find_group(parser, DATA)
    data.add_argument("--input", required=True, metavar="DIR", help="folder or zip with the shards")
    words = tell("how many of them to look at", 2000, "records")
    data.add_argument("--records", default="2000", metavar="N", help=words)
    add_weights_option(data)
    words = tell("audit.json and the sheets go here", f"{BUILD_FOLDER}/audit")
    find_group(parser, OUTPUT).add_argument("--output", metavar="DIR", help=words)


def _run(options: argparse.Namespace) -> Answer:
    from lib.commands.offline.audit import decode_variants, judge, write_sheets
    from lib.kernel.device.device import choose_device
    from lib.kernel.metrics.features import load_extractor
    from lib.kernel.metrics.inception_tf import use_tf_layout
    from lib.kernel.metrics.inception_weights import find_weights

    source = check_input_place("audit", Path(options.input))
    target = Path(options.output) if options.output else ROOT / BUILD_FOLDER / "audit"
    check_output_folder("audit", target)
    records = read_number("--records", options.records, least=2)
    config, weights = Config(), None
    if options.weights != RANDOM_WEIGHTS:
        given = check_input_file("weights", Path(options.weights)) if options.weights else None
        name = given.name if given else config.weights_file
        weights = find_weights(name, "" if given else config.weights_sha256, given, source)
    extractor = load_extractor(config, weights, choose_device(), use_tf_layout=use_tf_layout)
    variants = decode_variants(source, records)
    sheets = write_sheets(target, variants)
    verdicts = judge(variants, extractor)
    facts = [dataclasses.asdict(verdict) for verdict in verdicts]
    found = {"random_weights": weights is None, "policies": facts}
    write_json(target / "audit.json", found)
    rows = [("policy", "kept", "changed", "FID to official")]
    rows += [(one.name, f"{one.kept:,}", f"{one.changed:,}", f"{one.fid:.4g}") for one in verdicts]
    lines = [format_table(rows, right=(1, 2, 3), least=(23, 7))]
    if weights is None:
        lines.append("RANDOM WEIGHTS: these FIDs say nothing")
    where = f"{target}: audit.json and {len(sheets)} sheets"
    lines.append(f"{where}, official pictures above each policy's")
    return Answer("\n".join(lines), {**found, "sheets": sheets})


AUDIT = Command(
    "audit",
    "show what each open decoding policy would change and cost in FID",
    _add_options,
    _run,
    (
        ("audit --input data", "sheets and numbers, into build/audit"),
        ("audit --input data --records 200", "a quicker look"),
        ("audit --input data --weights random", "the pictures alone; the FIDs mean nothing"),
    ),
    json="random_weights, policies (name, kept, changed, fid) and sheets",
)
