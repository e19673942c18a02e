"""verify: a changed byte anywhere is found and named; an output as it was written is whole."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import build
from lib.base.files import read_json, sha256_file, write_json
from lib.kernel.metrics.torchvision_import import import_torchvision
from lib.kernel.report.manifest import read_manifest
from tests.bundled import bound_by_permissions
from tests.commands.verifying.small_run import make_run
from tests.local_runs import ROOT

MANIFEST = "run_manifest.json"
FLIPS = 12  # of each file, through the command
Captured = pytest.CaptureFixture[str]


both = pytest.mark.parametrize("output", ["gan-challenge", "images"], indirect=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A competition -> the output of its run, which is made once."""
    return cache(lambda name: make_run(tmp_path_factory.mktemp(name), name).output)


@pytest.fixture
def output(request: pytest.FixtureRequest, finished: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a finished output, of the GAN Challenge where nothing else is asked for."""
    competition = getattr(request, "param", "gan-challenge")
    return Path(shutil.copytree(finished(competition), tmp_path / "out"))


def list_names(output: Path) -> list[str]:
    found = (path for path in output.rglob("*") if path.is_file())
    return sorted(path.relative_to(output).as_posix() for path in found)


def verify(capsys: Captured, *words: object, code: int) -> str:
    """Words after verify, the exit code -> stdout and stderr, of which at most two lines."""
    capsys.readouterr()
    assert build.main(["verify", *map(str, words)]) == code
    told = capsys.readouterr()
    errors = [line for line in told.err.splitlines() if line.startswith(("error:", "  cure:"))]
    assert len(errors) == (2 if code else 0), told.err
    assert ("\nwhole\n" in told.out) == (code == 0)
    return told.out + told.err


@both
def test_a_finished_output_is_whole(output: Path, capsys: Captured) -> None:
    """A part of the rows by default, all with --all, and the same in JSON."""
    assert "rows computed anew" in verify(capsys, output, code=0)
    assert "12 of 12 rows" in verify(capsys, output, "--all", code=0)
    capsys.readouterr()
    assert build.main(["verify", str(output), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    names = [name for name in list_names(output) if name != MANIFEST]
    assert (facts["whole"], facts["sealed"], facts["files"]) == (True, True, len(names))
    assert facts["bytes"] == sum((output / name).stat().st_size for name in names)
    assert (facts["damage"], facts["unnamed"]) == ([], [])
    assert facts["deviation"] <= 1e-3


@both
def test_a_flipped_bit_of_any_file_is_named(output: Path, capsys: Captured) -> None:
    draw = random.Random(18)
    for name in list_names(output):
        content = (output / name).read_bytes()
        ends = {0, len(content) - 1}
        for place in sorted(ends | {draw.randrange(len(content)) for _ in range(FLIPS)}):
            changed = bytearray(content)
            changed[place] ^= 1 << draw.randrange(8)
            (output / name).write_bytes(changed)
            assert name in verify(capsys, output, code=1), (name, place)
        (output / name).write_bytes(content)
    verify(capsys, output, code=0)


def test_every_byte_of_the_manifest_counts(output: Path) -> None:
    """Whatever one byte becomes, also white space, a digit or a letter."""
    draw = random.Random(19)
    path = output / MANIFEST
    content = path.read_bytes()
    assert read_manifest(output).damage == ()
    for place in range(len(content)):
        other = content[place] ^ 1 << draw.randrange(8)
        if place % 2 and content[place] != (usual := draw.choice(b' \n"09azAZ{}[],:')):
            other = usual
        path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
        assert read_manifest(output).damage, (place, other)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("device", "cuda"),
        ("data_sha256", "0" * 64),
        ("weights_sha256", "ab"),
        ("random_weights", False),
        ("state_form", 9),
        ("extractor", ""),
        ("versions", {}),
        ("config", {}),
        ("artefacts", {}),
        ("artefacts", []),
        ("artefacts", None),
        ("bundle_sha256", float("nan")),
    ],
)
def test_a_changed_key_of_the_manifest_is_named(
    output: Path, capsys: Captured, key: str, value: object
) -> None:
    write_json(output / MANIFEST, {**read_json(output / MANIFEST), key: value})
    assert f"{MANIFEST}: '{key}' was changed" in verify(capsys, output, code=1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace(' "device"', '  "device"'), "is not as it was written"),
        (lambda text: text + "\n", "is not as it was written"),
        (lambda text: text[:-1], "is not as it was written"),
        (lambda text: text.replace("\n", "\r\n"), "line 1 is not as it was written"),
        (lambda text: "\ufeff" + text, "line 1 is not as it was written"),
        (
            lambda text: text.replace('"device": "cpu"', '"device": "gpu",\n "device": "cpu"'),
            "is not as it was written",
        ),
        (lambda text: text[:-40], "is no JSON"),
        (lambda text: "", "is no JSON"),
        (lambda text: "[" * 200_000, "is no JSON"),
        (lambda text: "[]\n", "is no JSON object"),
        (lambda text: text.replace('"seal"', '"seat"'), "'seat' was changed"),
        (lambda text: text.replace('  "device": "', '  "device": "0'), "'device' was changed"),
        (lambda text: text.replace('  "device"', '  "devise"'), "'devise' was changed"),
    ],
)
def test_a_manifest_whose_text_was_changed_is_named(
    output: Path, capsys: Captured, change: Callable[[str], str], told: str
) -> None:
    text = (output / MANIFEST).read_text()
    changed = change(text)
    assert changed != text
    (output / MANIFEST).write_text(changed, newline="")
    assert f"{MANIFEST}: " in (said := verify(capsys, output, code=1))
    assert told in said


def become_link(path: Path) -> None:
    kept = path.rename(path.parent.parent / "kept")
    path.symlink_to(kept)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "removed": (Path.unlink, "is missing"),
    "renamed": (lambda path: path.rename(path.with_name("renamed")), "is missing"),
    "emptied": (lambda path: path.write_bytes(b""), "was changed"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "was changed"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "was changed"),
    "a link": (become_link, "is a link"),
    "a folder": (become_folder, "is a folder"),
    "a pipe": (become_pipe, "is no plain file"),
}


@both
@pytest.mark.parametrize("harm", HARMS)
def test_harmed_files_are_named(output: Path, capsys: Captured, harm: str) -> None:
    change, told = HARMS[harm]
    (output / "submission.txt").rename(output / "kept.txt")
    for name in list_names(output):
        if name in (MANIFEST, "kept.txt"):
            continue
        before = (output / name).read_bytes()
        change(output / name)
        assert f"{name} {told}" in verify(capsys, output, code=1)
        for left in (output / name, output / "renamed"):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        (output.parent / "kept").unlink(missing_ok=True)
        (output / name).write_bytes(before)
    said = verify(capsys, output, code=1)
    assert "submission.txt is missing" in said
    assert "kept.txt is not in the manifest" in said


def test_swapped_files_are_both_named(output: Path, capsys: Captured) -> None:
    one, other = output / "real.png", output / "generated.png"
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)
    said = verify(capsys, output, code=1)
    assert "real.png was changed" in said
    assert "generated.png was changed" in said


@pytest.mark.parametrize("harm", ["removed", "a link", "a folder", "a pipe"])
def test_a_manifest_that_is_none_is_told(output: Path, capsys: Captured, harm: str) -> None:
    HARMS[harm][0](output / MANIFEST)
    assert build.main(["verify", str(output)]) == 1
    told = capsys.readouterr()
    assert MANIFEST in told.err
    assert len([line for line in told.err.splitlines() if not line.startswith(" ")]) >= 1


def test_what_lies_behind_a_link_is_not_the_runs(output: Path, capsys: Captured) -> None:
    """A folder of the output that was moved elsewhere and linked."""
    inside = output / "training_state"
    shutil.move(inside, output.parent / "elsewhere")
    inside.symlink_to(output.parent / "elsewhere")
    assert "is behind a link" in verify(capsys, output, code=1)


@pytest.mark.parametrize("name", ["notes.txt", "deep/er/x", "a\nb", os.fsdecode(b"\xff\xfe")])
def test_files_of_others_are_named(output: Path, capsys: Captured, name: str) -> None:
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    (output / name).write_bytes(b"")
    said = verify(capsys, output, code=1)
    assert (name if name.isprintable() else ascii(name)) in said
    assert "move away what the run did not write" in said


@pytest.mark.parametrize("mode", [0, 0o400])  # neither listed nor entered, or listed alone
def test_what_cannot_be_read_is_named(output: Path, mode: int) -> None:
    prefix = bound_by_permissions()
    (output / "real.png").chmod(0)
    (output / "training_state").chmod(mode)
    command = [*prefix, sys.executable, "build.py", "verify", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (output / "training_state").chmod(0o755)
    assert done.returncode == 1, done.stderr
    assert "real.png cannot be read: Permission denied" in done.stdout
    assert done.stdout.count("cannot be read: Permission denied") >= 2
    assert "Traceback" not in done.stderr


@both
def test_features_of_other_pictures_are_found(output: Path, capsys: Captured) -> None:
    """Where whoever changed the features made a manifest that fits: only the pictures tell."""
    from lib.kernel.report.manifest import write_manifest

    values = read_manifest(output).values
    table = output / "submission.csv"
    if table.exists():
        lines = table.read_text().splitlines()
        first, *cells = lines[4].split(",")
        lines[4] = ",".join([first, str(float(cells[0]) + 1), *cells[1:]])
        table.write_text("\n".join(lines) + "\n")
    else:
        features = np.load(output / "features.npy")
        features[3, 0] += 1
        np.save(output / "features.npy", features)
    write_manifest(output, {key: value for key, value in values.items() if key != "artefacts"})
    said = verify(capsys, output, "--all", code=1)
    assert "differ from those of its image" in said


def test_an_older_manifest_is_said_to_have_no_seal(output: Path, capsys: Captured) -> None:
    values = read_json(output / MANIFEST)
    del values["seal"]
    write_json(output / MANIFEST, values)
    assert "older manifest without a seal" in verify(capsys, output, code=0)
    content = bytearray((output / "real.png").read_bytes())
    content[40] ^= 1
    (output / "real.png").write_bytes(content)
    assert "real.png was changed" in verify(capsys, output, code=1)
    (output / MANIFEST).write_text('{"artefacts": {}}')  # as other programs may leave one
    assert "the manifest does not tell config" in verify(capsys, output, code=1)


def test_the_log_that_fetch_adds_is_no_stranger(output: Path, capsys: Captured) -> None:
    fetched = output.parent / "runs" / "my-kernel" / "v3"
    fetched.parent.mkdir(parents=True)
    output.rename(fetched)
    (fetched / "my-kernel.log").write_text("train: done\n")
    verify(capsys, fetched, code=0)
    (fetched / "other.log").write_text("")
    assert "other.log is not in the manifest" in verify(capsys, fetched, code=1)


def test_weights_of_another_run_are_refused(output: Path, capsys: Captured, tmp_path: Path) -> None:
    torch.save({"none": torch.zeros(1)}, tmp_path / "other.pth")
    told = verify(capsys, output, "--weights", tmp_path / "other.pth", code=2)
    assert "is not the weights file of this run" in told
    assert "its weights were random" in told


@pytest.mark.slow
def test_the_runs_own_weights_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    """A file that no other machine has: found nowhere, of another hash, and the right one."""
    torchvision = import_torchvision("torchvision")
    torch.manual_seed(1)
    weights, other = tmp_path / "own.pth", tmp_path / "other.pth"
    network = torchvision.models.inception_v3(weights=None, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), weights)
    other.write_bytes(weights.read_bytes() + b"\0")
    monkeypatch.setenv("KERNEL_WEIGHTS", str(weights))
    named = {"weights_file": "own.pth", "weights_sha256": sha256_file(weights)}
    output = make_run(tmp_path / "run", "gan-challenge", samples=2, **named).output
    assert "1 of 2" not in (told := verify(capsys, output, "--weights", weights, code=0))
    assert "2 of 2 rows computed anew" in told
    told = verify(capsys, output, "--weights", other, code=2)
    assert f"expected sha256 {sha256_file(weights)[:12]}, got sha256" in told
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    told = verify(capsys, output, code=2)
    assert "own.pth was found in none of" in told


def test_no_run_is_a_mistake(tmp_path: Path, capsys: Captured) -> None:
    told = verify(capsys, tmp_path, code=2)
    assert MANIFEST in told
