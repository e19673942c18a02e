"""`features`, and `score` and `curate` on all that a run itself leaves behind."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import build
from lib.base.files import read_json
from lib.commands import features
from lib.commands.offline.feature_source import Source, read_features
from lib.kernel.competition.gan_challenge.submission import read_images, read_submission
from tests.local_runs import QUICK, call, copy_sources, list_options, write_input

RANDOM = ["--weights", "random"]


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A tiny run, all of it -> (its shards, its output, its cache)."""
    place = tmp_path_factory.mktemp("run")
    shards, sources = write_input(place / "input"), copy_sources(place / "sources")
    words = ["run", "--input", str(shards), *list_options(QUICK), "--output", str(place / "out")]
    ended = call(sources, "build.py", *words)
    assert ended.returncode == 0, ended.stderr
    return shards, place / "out", sources / "build" / "cache"


def say(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Words after build.py -> exit code, stdout, stderr."""
    code = build.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def pack(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return target


@pytest.mark.parametrize("kind", ["cache", "one cache", "shards", "zip of shards", "decoded"])
def test_score_takes_a_runs_own_real_images(run_once, kind, tmp_path, capsys):
    """Whatever they are named by, FID is the one that the run itself found."""
    shards, output, cache = run_once
    (one,) = (cache / "features").iterdir()
    (decoded,) = cache.glob("decoded-*-host")
    real = {"cache": cache / "features", "one cache": one, "shards": shards, "decoded": decoded}
    path = real.get(kind) or pack(shards, tmp_path / "shards.zip")
    table = output / "submission.csv"
    code, out, err = say(capsys, "score", table, "--real", path, *RANDOM, "--json")
    assert code == 0, err
    scores, metrics = json.loads(out), read_json(output / "metrics.json")
    assert out.count("\n") == 1
    assert scores["real"] == metrics["kept"]
    assert scores["fid"] == pytest.approx(metrics["fid"], rel=1e-4)
    assert (scores["floor_size"], scores["floor_against"]) == (12, metrics["kept"])
    for key in ("floor_size", "floor_against"):
        assert scores[key] == metrics[key]
    assert metrics["floor_half_size"] == 12
    assert metrics["floor_half_against"] == metrics["kept"] - metrics["kept"] // 2
    assert ("RANDOM WEIGHTS" in err) == ("cache" not in kind)


def test_a_submission_against_its_own_images_is_all_copies(run_once, capsys):
    _, output, _ = run_once
    words = [output / "submission.csv", "--real", output / "images.zip", *RANDOM, "--json"]
    code, out, err = say(capsys, "score", *words)
    assert code == 0, err
    scores = json.loads(out)
    assert abs(scores["fid"]) < 1e-6
    assert (scores["copies"], scores["nearer_than_real"]) == (12, 12)
    assert "12 of 12 are real rows" in err


def test_curate_takes_a_runs_own_pool(run_once, tmp_path, capsys):
    _, output, cache = run_once
    scratch = output.with_name("out.scratch")
    chosen = []
    for pool in (scratch / "pool.npy", scratch):
        words = ["curate", pool, "--real", cache / "features", *RANDOM, "-n", 8, "--rounds", 1]
        code, out, err = say(capsys, *words, "-o", tmp_path / "chosen.npy")
        assert code == 0, err
        assert "8 row numbers of 16" in out
        assert "8 images against " in out
        chosen.append(np.load(tmp_path / "chosen.npy").tolist())
    assert chosen[0] == chosen[1]


def test_features_of_the_runs_images_are_the_submissions(run_once, tmp_path, capsys):
    _, output, _ = run_once
    folder = tmp_path / "pictures"
    shutil.unpack_archive(output / "images.zip", folder)
    pool = tmp_path / "pool.npy"
    np.save(pool, read_images(output / "images.zip")[:, :1])
    expected = read_submission(output / "submission.csv")
    for images in (output / "images.zip", folder, pool):
        target = tmp_path / "new" / "features.npy"
        code, out, err = say(capsys, "features", images, "-o", target, *RANDOM)
        assert code == 0, err
        assert "12 x 2,048" in out
        assert "RANDOM WEIGHTS" in out
        found = np.load(target)
        assert (found.dtype, found.shape) == (np.float32, (12, 2048))
        assert np.abs(found - expected).max() < 1e-3 * expected.std()


def write_pictures(folder: Path) -> list[np.ndarray]:
    """A folder -> pictures of two sizes and three modes, and what they are as RGB, by name."""
    draw = np.random.default_rng(0)
    colour = draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    grey = draw.integers(0, 256, (40, 50), dtype=np.uint8)
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").write_text("no picture")
    Image.fromarray(colour).save(folder / "b.png")
    Image.fromarray(grey).save(folder / "a.bmp")
    alpha = Image.fromarray(colour).convert("RGBA")
    alpha.putalpha(9)
    alpha.save(folder / "deep" / "c.png")
    return [np.repeat(grey[..., None], 3, axis=2), colour, colour]


def test_pictures_of_any_size_are_taken_by_name_as_the_host_opens_them(tmp_path, capsys):
    from lib.kernel.configuration.config import Config
    from lib.kernel.device.device import choose_device
    from lib.kernel.metrics.features import load_extractor

    expected = write_pictures(tmp_path / "pictures")
    packed = pack(tmp_path / "pictures", tmp_path / "pictures.zip")
    extractor = load_extractor(Config(), None, choose_device())
    own = [extractor.extract(picture.transpose(2, 0, 1)[None].copy())[0] for picture in expected]
    for source in (tmp_path / "pictures", packed):
        code, _, err = say(capsys, "features", source, "-o", tmp_path / "f.npy", *RANDOM)
        assert code == 0, err
        np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), np.array(own))


def test_one_bad_picture_is_named_and_nothing_is_written(tmp_path, capsys):
    folder = tmp_path / "pictures"
    write_pictures(folder)
    png = (folder / "b.png").read_bytes()
    fifo = folder / "pipe.png"
    for name, content in {
        "cut.png": png[: len(png) // 2],
        "text.txt": b"text",
        "e.png": b"",
    }.items():
        (folder / name).write_bytes(content)
        for source in (folder, pack(folder, tmp_path / "p.zip")):
            code, out, err = say(capsys, "features", source, "-o", tmp_path / "f.npy", *RANDOM)
            assert (code, out) == (2, "")
            assert name in err
        (folder / name).unlink()
    os.mkfifo(fifo)
    code, _, err = say(capsys, "features", folder, "-o", tmp_path / "f.npy", *RANDOM)
    assert code == 2
    assert "pipe.png" in err
    assert not (tmp_path / "f.npy").exists()


def test_what_holds_no_images_is_refused_in_two_lines(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "fake.zip").write_text("<html>")
    np.save(tmp_path / "floats.npy", np.zeros((4, 3, 32, 32), np.float32))
    np.save(tmp_path / "wide.npy", np.zeros((4, 2, 32, 32), np.uint8))
    np.save(tmp_path / "none.npy", np.zeros((0, 3, 32, 32), np.uint8))
    names = ("empty", "fake.zip", "floats.npy", "wide.npy", "none.npy", "absent", "absent.zip")
    for name in names:
        words = ["features", tmp_path / name, "-o", tmp_path / "f.npy", *RANDOM]
        code, out, err = say(capsys, *words)
        assert (code, out) == (2, ""), name
        assert name.split(".")[0] in err
        assert len([line for line in err.splitlines() if "RANDOM" not in line]) == 2, err
    np.save(tmp_path / "pool.npy", np.zeros((2, 3, 32, 32), np.uint8))
    code, _, err = say(capsys, "features", tmp_path / "pool.npy", "-o", tmp_path, *RANDOM)
    assert code == 2
    assert "the output is no file" in err
    words = ["--weights", tmp_path / "no.pth"]
    code, _, err = say(capsys, "features", tmp_path / "pool.npy", "-o", tmp_path / "f.npy", *words)
    assert code == 2
    assert "there is no such file" in err


def test_broken_caches_are_named(run_once, tmp_path, capsys):
    _, output, cache = run_once
    (one,) = (cache / "features").iterdir()
    for name, words in (
        ("places.bin", "places.bin is not there"),
        ("features-0000.bin", "damaged"),
    ):
        copy = tmp_path / name / "features"
        shutil.copytree(one, copy)
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        code, out, err = say(capsys, "score", output / "submission.csv", "--real", copy)
        assert (code, out) == (2, "")
        assert words in err
    shutil.copytree(one, tmp_path / "two" / "a")
    shutil.copytree(one, tmp_path / "two" / "b")
    code, _, err = say(capsys, "score", output / "submission.csv", "--real", tmp_path / "two")
    assert code == 2
    assert "2 sets of images" in err


def test_shards_are_decoded_by_the_policy_asked_for(run_once, tmp_path, capsys):
    shards, _, _ = run_once
    counts = []
    for policy in ("official", "first-seed"):
        words = ["features", shards, "-o", tmp_path / "f.npy", "--policy", policy, *RANDOM]
        code, _, err = say(capsys, *words)
        assert code == 0, err
        counts.append(np.load(tmp_path / "f.npy"))
    assert counts[0].shape != counts[1].shape or (counts[0] != counts[1]).any()
    code, _, err = say(capsys, "features", shards, "-o", tmp_path / "f.npy", "--policy", "none")
    assert code == 2


def test_the_command_is_registered():
    assert build.load_command("features") is features.FEATURES


def test_squares_that_competition_images_keeps_are_taken_by_their_folder(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 64, 64), dtype=np.uint8)
    (tmp_path / "pictures-x-64px").mkdir()
    np.save(tmp_path / "pictures-x-64px" / "images_uint8.npy", images)
    np.save(tmp_path / "pool.npy", images)
    folder, pool = (
        read_features(Source(tmp_path / name, "random")) for name in ("pictures-x-64px", "pool.npy")
    )
    assert np.array_equal(folder, pool)
    assert folder.shape == (5, 2048)
