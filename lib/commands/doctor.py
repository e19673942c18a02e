"""`build.py doctor`: check what a push needs; print one line each, ok or with its cure."""

import argparse

from lib.commands.options import Command
from lib.kaggle.workspace import ROOT, Workspace


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the doctor has no options."""


def _run(options: argparse.Namespace) -> int:
    from lib.commands.doctor_checks import examine, format_findings  # requests is slow to import

    findings = examine(Workspace(ROOT))
    print(format_findings(findings))
    return 1 if any(finding.cure for finding in findings) else 0


DOCTOR = Command("doctor", "what a push needs, each line ok or a cure", _add_options, _run)
