"""The real bundle through the whole loop: pushed, run in Kaggle's layout, fetched, scored."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.base.errors import PipelineError
from lib.base.files import sha256_file
from lib.commands.kernel_build import build_kernel
from lib.commands.offline.submission_check import check_submission
from lib.commands.on_kaggle.push import describe_kernel
from lib.kaggle.git_state import GitState
from lib.kaggle.push import Cargo, push_cargo
from lib.kaggle.recorded_steps import fetch_and_record, watch_and_record
from lib.kaggle.runs_table import Run, fold_events
from lib.kaggle.submit_run import submit_and_record
from lib.kernel.metrics.inception import load_inception
from lib.kernel.recipes.table import make_config
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import QUICK, REF, Place, open_place

SOURCE = Path(__file__).resolve().parents[2]
PATIENT = replace(QUICK, run_s=1200, longest_poll_s=1)
SMALL = {"steps": 3, "width": 16, "depth": 1, "curate": False, "sweep": False, "floor_draws": 2}
LEFT = {"submission.csv", "images.zip", "metrics.json", "report.html", "run_manifest.json"}


@contextmanager
def run_real_kernel(
    folder: Path, monkeypatch: pytest.MonkeyPatch, records: int, samples: int
) -> Iterator[tuple[Place, Run]]:
    """(empty folder, records, images to submit) -> the real bundle pushed, watched and fetched."""
    data = folder / "data"
    write_shards(look_alike(records, 0), data, 0)
    weights = data / "weights" / "stand-in.pth"
    weights.parent.mkdir()
    state = load_inception(None, 0, torch.device("cpu")).state_dict()
    torch.save({name: value.half() for name, value in state.items()}, weights)
    with open_place(folder, monkeypatch, PATIENT, data=data) as place:
        for name in ("lib", "kernel_template"):
            shutil.copytree(SOURCE / name, place.work.root / name)
        chosen = {"weights_file": weights.name, "weights_sha256": sha256_file(weights)}
        config = make_config("pixel", {**SMALL, **chosen, "samples": samples})
        built = build_kernel(place.work.root, config)
        facts = describe_kernel("pixel", (), config)
        cargo = Cargo(built.path, built.sha256, "pixel", facts, GitState("c0" * 20, ()))
        push_cargo(place.work, place.session, place.metadata, cargo)
        assert watch_and_record(place.work, place.session, REF, 1) == 0
        fetch_and_record(place.work, place.session, REF, 1)
        assert {path.name for path in place.work.locate_run(REF, 1).iterdir()} >= LEFT
        (run,) = fold_events(place.work.read_ledger())
        assert run.status == "COMPLETE"
        assert run.read("fid") is not None
        assert run.read("floor") is not None
        yield place, run


def test_real_kernel_is_pushed_run_and_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_real_kernel(tmp_path, monkeypatch, records=24, samples=4) as (place, _):
        shown = capsys.readouterr().out
        assert "  | train: " in shown
        assert SIGNATURE not in shown
        with pytest.raises(PipelineError, match="another number of rows than 1,000"):
            submit_and_record(
                place.work, place.session, REF, 1, "too small", False, check_submission
            )
        assert place.server.submissions == []


@pytest.mark.slow
def test_real_kernel_is_pushed_run_fetched_and_scored(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    if "slow" not in request.config.option.markexpr:
        pytest.skip("takes minutes: python -m pytest -m slow")
    with run_real_kernel(tmp_path, monkeypatch, records=300, samples=1000) as (place, _):
        submit_and_record(place.work, place.session, REF, 1, "small", False, check_submission)
        (run,) = fold_events(place.work.read_ledger())
        assert float(run.public) > 0
        assert SIGNATURE not in capsys.readouterr().out
