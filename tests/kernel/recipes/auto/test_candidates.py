"""A whole run of recipe auto by an edited CONFIG: what each candidate runs with is told."""

from pathlib import Path

import pytest

from lib.base.files import read_json
from lib.kernel import pipeline
from lib.kernel.main import main
from lib.kernel.recipes.auto.recipe import AUTO
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling import draw as drawing
from tests.kernel.configuration.test_settings import read_preface
from tests.local_runs import write_input
from tests.whole_run import make_kernel

TINY = {"samples": 4, "pool": 4, "floor_draws": 2, "steps": 6, "depth": 1, "batch": 4, "trial": 4}


def test_candidates_stand_in_log_report_and_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 4)
    monkeypatch.setenv("KERNEL_INPUT", str(write_input(tmp_path / "input")))
    monkeypatch.setenv("KERNEL_OUTPUT", str(tmp_path / "out"))
    weights = {"weights_file": "random", "weights_sha256": ""}
    shown = read_preface(make_config("auto", {**weights, **TINY}))
    edited = {**shown, "width": 8, "lr": 1e-4, "real_limit": 8, "sweep": False}
    assert main(pipeline.run, make_kernel(edited, AUTO)) == 0
    said = capsys.readouterr().out.splitlines()
    told = [line for line in said if "would run with" in line]
    assert [line.split()[1] for line in told] == ["pixel", "r3gan", "edm"]
    assert all("lr 0.0001 (given), " in line and "batch 4 (given)" in line for line in told)
    assert said.index(told[-1]) < min(k for k, line in enumerate(said) if "decod" in line)
    candidates = read_json(tmp_path / "out" / "metrics.json")["candidates"]
    assert {row["lr"] for row in candidates.values()} == {1e-4}
    assert candidates["pixel"]["targets"] == 128
    assert candidates["r3gan"]["width"] == 8
    manifest = read_json(tmp_path / "out" / "run_manifest.json")["config"]
    assert manifest["given"] == ["lr", "width", "depth"]
    report = (tmp_path / "out" / "report.html").read_text()
    for words in ("What each candidate would run with", "targets 128", "auto, settled as 1<"):
        assert words in report
    assert main(pipeline.run, make_kernel(edited, AUTO)) == 0
    assert "files are verified" in capsys.readouterr().out
    assert main(pipeline.run, make_kernel({**edited, "beta1": 0.5}, AUTO)) == 2
    assert "given: " in capsys.readouterr().err
