"""The whole job as a user does it: built in a copy of the sources, run with the copy deleted."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.base.files import read_json
from tests.local_runs import QUICK, RECIPES, ROOT, call, copy_sources, list_options, write_input

WHOLE = [*list_options(QUICK), "--set", "sweep=true"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_input(tmp_path_factory.mktemp("data") / "input with spaces")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_sources(tmp_path_factory.mktemp("copy") / "sources")


@pytest.fixture(scope="module", params=RECIPES)
def finished(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shards: Path,
    sources: Path,
) -> tuple[str, Path]:
    """A recipe and the output of its run, by a kernel whose sources are out of reach."""
    if request.param == QUICK:
        return QUICK, request.getfixturevalue("whole_run")
    place = tmp_path_factory.mktemp(request.param)
    return request.param, run_alone(place, shards, sources, list_options(request.param))


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory, shards: Path, sources: Path) -> Path:
    """The output of a run with every stage, the sweep too."""
    return run_alone(tmp_path_factory.mktemp("whole"), shards, sources, WHOLE)


def run_alone(place: Path, shards: Path, sources: Path, options: list[str]) -> Path:
    """An empty folder, shards, sources, options -> the output of the kernel built with them."""
    built = call(sources, "build.py", *options)
    assert built.returncode == 0, built.stderr
    kernel = place / "script.py"
    shutil.move(sources / "build" / "kernel.py", kernel)
    hidden = sources.with_name("hidden")
    sources.rename(hidden)
    try:
        folders = {"KERNEL_INPUT": str(shards), "KERNEL_OUTPUT": str(place / "working")}
        (place / "empty").mkdir()
        ended = call(place / "empty", "-I", str(kernel), **folders)
    finally:
        hidden.rename(sources)
    assert (ended.returncode, ended.stderr) == (0, "")  # nor a warning of any library
    assert list((place / "empty").iterdir()) == []
    return place / "working"


def test_submission_is_the_hosts_form(finished: tuple[str, Path]) -> None:
    _, output = finished
    with (output / "submission.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", *(f"f{k}" for k in range(2048))]
    assert [row[0] for row in rows[1:]] == [f"dig-{k:06d}" for k in range(12)]
    values = np.array([row[1:] for row in rows[1:]], dtype=np.float64)
    assert np.isfinite(values).all()
    assert values.std() > 0
    with zipfile.ZipFile(output / "images.zip") as archive:
        assert archive.namelist() == [f"dig-{k:06d}.png" for k in range(12)]


def test_metrics_and_manifest_tell_the_run(finished: tuple[str, Path]) -> None:
    recipe, output = finished
    metrics, manifest = read_json(output / "metrics.json"), read_json(output / "run_manifest.json")
    assert metrics["kept"] + metrics["rejected"] == 24
    assert sum(metrics["rejected_by_reason"].values()) == metrics["rejected"]
    assert np.isfinite([metrics["fid"], metrics["floor"], metrics["images_per_s"]]).all()
    stages = {"decode", "real features", "train", "sample", "features", "fid", "submission"}
    assert stages <= metrics["seconds"].keys()
    assert metrics["curated"] == (recipe in ("pixel", QUICK))
    details = metrics["details"]
    assert details["mifid"] >= metrics["fid"] > 0  # the penalty never lowers it
    assert 0 <= details["memorisation_distance"] <= 1
    assert details["memorisation_against"] <= metrics["kept"]
    assert {"submission.csv", "images.zip", "report.html", "metrics.json"} <= manifest[
        "artefacts"
    ].keys()
    assert manifest["config"]["recipe"] == recipe
    assert len(manifest["bundle_sha256"]) == len(manifest["data_sha256"]) == 64
    assert {"torch", "numpy", "python"} <= manifest["versions"].keys()


def test_report_tells_what_the_run_settled(finished: tuple[str, Path]) -> None:
    """A key left at 0 is shown with the value that was used."""
    _, output = finished
    page = (output / "report.html").read_text()
    assert "settled as" in page
    assert "mifid" in page  # without a tile, for random weights


def test_random_weights_are_named_by_every_output(finished: tuple[str, Path]) -> None:
    _, output = finished
    assert "RANDOM WEIGHTS" in (output / "submission.txt").read_text()
    assert "RANDOM WEIGHTS" in (output / "report.html").read_text()
    assert read_json(output / "metrics.json")["random_weights"] is True
    assert read_json(output / "run_manifest.json")["random_weights"] is True
    with zipfile.ZipFile(output / "images.zip") as archive:
        assert b"RANDOM WEIGHTS" in archive.comment


def test_public_recipes_leave_behind_what_theirs_did(finished: tuple[str, Path]) -> None:
    recipe, output = finished
    left = {path.relative_to(output).as_posix() for path in output.rglob("*_*") if path.is_file()}
    expected = set()
    if recipe not in ("pixel", QUICK):
        expected |= {f"samples_v1/epoch_{k:03d}.png" for k in (1, 2)}
        expected |= {f"checkpoints_v1/G_epoch_{k:03d}.pth" for k in (1, 2)}
    assert {name for name in left if "_v1/" in name} == expected
    copies = sorted(output.glob("submission_epoch_*.csv"))
    assert len(copies) == (recipe == "second-seed")
    for copy in copies:
        assert copy.read_bytes() == (output / "submission.csv").read_bytes()


def test_intermediates_stay_out_of_the_output(finished: tuple[str, Path]) -> None:
    _, output = finished
    assert not list(output.rglob("*.npy"))
    assert len([path for path in output.rglob("*") if path.is_file()]) < 20


@pytest.fixture(scope="module")
def local_run(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> tuple[Path, list[str]]:
    output = tmp_path_factory.mktemp("local") / "out"
    words = ["run", "--input", str(shards), *list_options(QUICK)]
    ended = call(ROOT, "build.py", *words, "--output", str(output))
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    (output.parent / "log.txt").write_text(ended.stdout)
    return output, words


def test_a_run_says_first_what_it_will_do_and_last_what_it_made(
    local_run: tuple[Path, list[str]],
) -> None:
    """And nothing on stderr, asserted above: libraries' warnings are not for users."""
    output, _ = local_run
    lines = (output.parent / "log.txt").read_text().splitlines()
    assert lines[0].startswith("run: recipe r3gan, at most 6 steps of training, 12 images to ")
    assert any(line.startswith("plan: ") and "6 steps of training" in line for line in lines)
    address = (output / "report.html").as_uri()
    told = lines.index(f"report: {address}, rewritten as the run goes on")
    assert told < next(k for k, line in enumerate(lines) if line.startswith("decode: "))
    assert lines[-3] == f"done: {address}"
    assert lines[-2].startswith("done: 12 images by recipe r3gan after 6 steps, chosen out of 16; ")
    metrics = read_json(output / "metrics.json")
    verdict = metrics["verdict"]
    assert lines[-1] == f"verdict: {' '.join([verdict['words'], *verdict['reasons']])}"
    assert verdict["answer"] == "do not submit"
    assert (metrics["steps"], metrics["training"]["rollbacks"]) == (6, 0)


def test_a_run_leaves_what_a_push_would_send_as_it_is(
    shards: Path, sources: Path, tmp_path: Path
) -> None:
    built = sources / "build" / "kernel.py"
    manifest = sources / "build" / "manifest.json"
    built.parent.mkdir(exist_ok=True)
    for path in (built, manifest):
        path.write_text("as it was")
    words = ["run", "--input", str(shards), *list_options("pixel"), "--output", str(tmp_path / "o")]
    ended = call(sources, "build.py", *words, "--minutes", "0.1", "--set", "steps=0")
    assert ended.returncode == 2, ended.stderr
    assert "--minutes 0.1 leaves 0.0 s for training" in ended.stderr
    assert built.read_text() == manifest.read_text() == "as it was"
    assert len(list((sources / "build" / "kernels").iterdir())) == 1
    for path in (built, manifest):
        path.unlink()


def test_a_build_of_random_weights_is_called_a_smoke_test(sources: Path) -> None:
    told = call(sources, "build.py", *list_options("pixel")).stdout.splitlines()
    assert told[-1].startswith("RANDOM WEIGHTS: a smoke test")
    assert told[-2] == "a run of it takes at most 90 min, 5% of Kaggle's 30 GPU hours a week"
    plain = call(sources, "build.py", "--minutes", "540").stdout
    assert "RANDOM" not in plain
    assert "at most 540 min, 30% of" in plain


def test_a_finished_run_is_verified_and_left_alone(local_run: tuple[Path, list[str]]) -> None:
    output, words = local_run
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    again = call(ROOT, "build.py", *words, "--output", str(output))
    assert again.returncode == 0, again.stderr
    assert "files are verified" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


@pytest.fixture(scope="module")
def kernel_text(sources: Path) -> str:
    assert call(sources, "build.py", *list_options("pixel")).returncode == 0
    return (sources / "build" / "kernel.py").read_text()


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("'steps': 6", "'stepz': 6", "CONFIG has a key 'stepz' that is none"),
        ("'steps': 6", "'steps': 'six'", "expected a whole number, got 'six'"),
        ("'clusters': 'auto'", "'n_critic': 5", "recipe 'pixel' does not use n_critic"),
        ("'samples': 12", "'samples': 1", "samples is out of range"),
    ],
)
def test_a_faulty_edit_of_a_kernels_config_ends_it_in_two_lines(
    kernel_text: str, tmp_path: Path, before: str, after: str, named: str
) -> None:
    assert kernel_text.count(before) == 1
    (tmp_path / "kernel.py").write_text(kernel_text.replace(before, after))
    ended = call(tmp_path, "-I", "kernel.py", KERNEL_INPUT=str(tmp_path), KERNEL_OUTPUT="out")
    assert ended.returncode == 2
    edited, what, cure = ended.stderr.splitlines()
    assert "this bundle's text is not the one that its header names" in edited
    assert named in what
    assert cure.startswith("  cure: ")
    assert not (tmp_path / "out").exists()


def test_another_configuration_is_refused(local_run: tuple[Path, list[str]]) -> None:
    output, words = local_run
    before = (output / "run_manifest.json").read_bytes()
    other = call(ROOT, "build.py", *words, "--seed", "9", "--output", str(output))
    assert other.returncode == 2
    assert "seed: 0 against 9" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 2  # what, cure
    assert (output / "run_manifest.json").read_bytes() == before


def test_a_killed_run_goes_on_and_ends_with_equal_bytes(
    whole_run: Path, shards: Path, tmp_path: Path
) -> None:
    """Of every stage, and equal to those of the built kernel that nobody stopped."""
    words = ["build.py", "run", "--input", str(shards), *WHOLE]
    command = [sys.executable, *words, "--output", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:  # killed in the middle of the run, in whatever comes after training
        if line.startswith("train: done"):
            child.send_signal(signal.SIGKILL)
            break
    child.stdout.close()
    child.wait()
    assert not (tmp_path / "out" / "run_manifest.json").exists()
    ended = call(ROOT, *command[1:])
    assert ended.returncode == 0, ended.stderr
    assert "goes on where an earlier process stopped" in ended.stdout
    for name in ("submission.csv", "images.zip"):
        assert (tmp_path / "out" / name).read_bytes() == (whole_run / name).read_bytes()


def test_a_zip_of_the_same_shards_is_the_same_run(
    local_run: tuple[Path, list[str]], shards: Path, tmp_path: Path
) -> None:
    """As decode takes it; the data's hash is that of the unpacked bytes."""
    output, words = local_run
    packed = shutil.make_archive(str(tmp_path / "shards"), "zip", shards)
    words = [packed if word == str(shards) else word for word in words]
    again = call(ROOT, "build.py", *words, "--output", str(output))
    assert again.returncode == 0, again.stderr
    assert "files are verified" in again.stdout
    anew = call(ROOT, "build.py", *words, "--output", str(tmp_path / "out"))
    assert anew.returncode == 0, anew.stderr
    same = (tmp_path / "out" / "submission.csv").read_bytes()
    assert same == (output / "submission.csv").read_bytes()


def test_a_damaged_result_is_named_and_made_anew(
    local_run: tuple[Path, list[str]], tmp_path: Path
) -> None:
    output, words = local_run
    for name in ("out", "out.scratch"):
        shutil.copytree(output.with_name(name), tmp_path / name)
    damaged = tmp_path / "out" / "submission.csv"
    damaged.write_text("id\n")
    ended = call(ROOT, "build.py", *words, "--output", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr
    assert "submission.csv was changed" in ended.stdout
    assert damaged.read_bytes() == (output / "submission.csv").read_bytes()


def test_the_run_stays_in_the_callers_group_and_its_lock_ends_with_it(
    shards: Path, tmp_path: Path
) -> None:
    command = ["build.py", "run", "--input", str(shards), *list_options(QUICK)]
    child = subprocess.Popen(
        [sys.executable, *command, "--output", str(tmp_path / "out"), "--seed", "3"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("dataset"):
            break
    assert os.getpgid(child.pid) == os.getpgid(0)
    child.kill()
    child.stdout.close()
    child.wait()
    ended = call(ROOT, *command, "--output", str(tmp_path / "out"), "--seed", "4")
    assert ended.returncode == 2
    assert "seed: 3 against 4" in ended.stderr  # and not: another run is at work
