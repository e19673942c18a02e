"""`build.py audit`: shards -> how each decoding policy changes pictures and FID."""

import argparse
import dataclasses
from pathlib import Path

from lib.base.files import write_json
from lib.base.places import check_input_file, check_input_place, check_output_folder
from lib.base.tables import format_table
from lib.commands.options import Command, read_number
from lib.kaggle.metadata import BUILD_FOLDER
from lib.kaggle.workspace import ROOT
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", required=True, metavar="DIR", help="folder or zip with the shards"
    )
    parser.add_argument("--output", metavar="DIR", help="sheets and numbers; default build/audit")
    parser.add_argument("--records", default="2000", metavar="N", help="records to look at")
    parser.add_argument(
        "--weights", metavar="FILE", help="Inception-V3 state dict; 'random' for a smoke test"
    )


def _run(options: argparse.Namespace) -> int:
    from lib.commands.offline.audit import decode_variants, judge, write_sheets
    from lib.kernel.device.device import choose_device
    from lib.kernel.metrics.features import load_extractor
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
    extractor = load_extractor(config, weights, choose_device())
    variants = decode_variants(source, records)
    sheets = write_sheets(target, variants)
    verdicts = judge(variants, extractor)
    facts = [dataclasses.asdict(verdict) for verdict in verdicts]
    write_json(target / "audit.json", {"random_weights": weights is None, "policies": facts})
    rows = [("policy", "kept", "changed", "FID to official")]
    rows += [(one.name, f"{one.kept:,}", f"{one.changed:,}", f"{one.fid:.4g}") for one in verdicts]
    print(format_table(rows, right=(1, 2, 3), least=(23, 7)))
    if weights is None:
        print("RANDOM WEIGHTS: these FIDs say nothing")
    print(f"{target}: audit.json and {len(sheets)} sheets, official pictures above each policy's")
    return 0


AUDIT = Command("audit", "what each open decoding policy would cost in FID", _add_options, _run)
