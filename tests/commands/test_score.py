"""`python build.py score`: its numbers, its one JSON object, and what it says of bad files."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import build
from lib.commands.offline.copies import count_copies
from lib.commands.offline.scoring import format_scores, read_any_submission, score_features
from lib.kernel.competition.gan_challenge.submission import write_submission
from lib.kernel.competition.image_zip import write_zip
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.kid_prdc import measure_kid
from lib.kernel.metrics.mifid import measure_memorisation

ROOT = Path(__file__).parents[2]
HEADER = ["id", *(f"f{column}" for column in range(2048))]


def draw(count, seed):
    """(count, 2048) float32 of 12 directions: small sets, quick eigenvalues."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((12, 2048)) / 40
    return (rng.standard_normal((count, 12)) @ mixing + 0.3).astype(np.float32)


@pytest.fixture(scope="module")
def real_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "real.npy"
    np.save(path, draw(60, 1))
    return path


@pytest.fixture
def submission(tmp_path):
    path = tmp_path / "submission.csv"
    write_submission(path, draw(20, 2) * np.float32(1.1))
    return path


def run(words, capsys):
    """Words after build.py -> exit code, stdout, stderr."""
    code = build.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_json_is_one_object_and_nothing_else(submission, real_path):
    command = [sys.executable, "build.py", "score", submission, "--real", real_path, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    scores = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert {"fid", "floor", "excess", "kid"} <= scores.keys()
    assert scores["excess"] == pytest.approx(scores["fid"] - scores["floor"])
    real, own = np.load(real_path), read_any_submission(submission)
    fid = frechet_distance(own, features_to_statistics(real))
    assert scores["fid"] == pytest.approx(fid, rel=1e-9)  # against all rows: none is held out
    assert scores["kid"] == pytest.approx(measure_kid(own, real, 0).mean, rel=1e-9)
    memorised = measure_memorisation(own, real, 0)
    assert scores["mifid"] == pytest.approx(memorised.penalise(fid), rel=1e-9)
    assert scores["memorisation_distance"] == pytest.approx(memorised.distance, rel=1e-9)
    assert (scores["rows"], scores["real"], scores["floor_size"]) == (20, 60, 20)
    assert "the competition asks for 1,000" in done.stderr


def test_table_names_every_number():
    scores = score_features(draw(20, 2), draw(60, 1)) | {"fid": 1.0, "excess": 3.375, "real": 58578}
    shown = {key for key in scores if key != "copies_warning"}
    lines = [line.split(maxsplit=1) for line in format_scores(scores).splitlines()]
    words = {text.strip(): number for number, text in lines}
    assert words["FID against all real images"] == "1"
    assert words["excess of FID over the floor"] == "3.375"
    assert words["real images"] == "58,578"
    assert (words["for so many images"], words["against so many real ones"]) == ("20", "60")
    assert words["images on either side of these four"] == "20"
    assert len(lines) == len(words) == len(shown)


def test_too_few_real_rows_have_no_excess(tmp_path, real_path, capsys):
    write_submission(tmp_path / "large.csv", draw(200, 2))
    words = ["score", tmp_path / "large.csv", "--real", real_path]
    code, out, err = run([*words, "--json"], capsys)
    assert code == 0
    scores = json.loads(out)
    assert scores["excess"] is None
    assert np.isfinite([scores["fid"], scores["floor"]]).all()
    assert "60 real rows are too few" in err
    code, out, _ = run(words, capsys)
    assert (code, "unknown  excess of FID over the floor" in out) == (0, True)


def test_three_thousand_real_rows_are_enough():
    scores = score_features(draw(1000, 2), draw(3000, 1))
    assert (scores["floor_size"], scores["floor_against"]) == (1000, 3000)
    assert scores["excess"] == pytest.approx(scores["fid"] - scores["floor"])


def test_copies_of_real_rows_are_counted_and_warned_of(tmp_path, capsys):
    """A submission made of real rows once got FID 0 and no word."""
    real = draw(400, 1)
    np.save(tmp_path / "real.npy", real)
    cases = {"honest": draw(100, 2), "some": np.concatenate([draw(80, 2), real[:20]])}
    noise = np.random.default_rng(0).standard_normal((100, 2048)) * 1e-2 * real.std(axis=0)
    cases |= {"all": real[:100], "nearly": (real[:100] + noise).astype(np.float32)}
    found = {}
    for name, rows in cases.items():
        write_submission(tmp_path / "submission.csv", rows)
        words = ["score", tmp_path / "submission.csv", "--real", tmp_path / "real.npy", "--json"]
        _, out, err = run(words, capsys)
        scores = json.loads(out)
        found[name] = scores["copies"]
        # MiFID's penalty shows them as well: the distance of the honest is that of real rows.
        assert (scores["mifid"] > 1e9 * scores["fid"]) == (name == "all"), name
        assert (scores["memorisation_distance"] > 0.9 * scores["memorisation_distance_real"]) == (
            name == "honest"
        ), name
        assert (scores["nearer_than_real"] > 90) == (name in ("all", "nearly")), name
        assert ("FID does not tell copies" in err) == (name != "honest"), (name, err)
    assert found == {"honest": 0, "some": 20, "all": 100, "nearly": 0}


def test_copies_that_real_data_hold_themselves_are_no_offence():
    """Half of the competition's images are flat boxes: an ideal generator draws some again."""
    boxes = draw(10, 5)
    random = np.random.default_rng(6)
    real = np.concatenate([draw(300, 1), boxes[random.integers(0, 10, 300)]])
    own = np.concatenate([draw(50, 2), boxes[random.integers(0, 10, 50)]])
    copies = count_copies(own, real)
    assert copies.copies == 50
    assert copies.copies_expected == pytest.approx(50, abs=1)
    assert copies.describe(100) == ""
    assert "100 of 100 are real rows, where 50" in count_copies(real[:100], real).describe(100)


def test_order_and_blank_lines_are_no_matter(submission, tmp_path):
    lines = submission.read_text().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\ufeff" + "\n".join([lines[0], *reversed(lines[1:]), "", ""]))
    features = read_any_submission(submission)
    assert np.array_equal(features.astype(np.float32), draw(20, 2) * np.float32(1.1))
    assert np.array_equal(read_any_submission(turned), features[::-1])


def write_rows(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def make_rows():
    return [[f"dig-{row:06d}", *map(str, values)] for row, values in enumerate(draw(4, 3).tolist())]


def set_cell(row, column, value):
    rows = make_rows()
    rows[row][column] = value
    return rows


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (HEADER[:-1], make_rows(), "another header"),
        (["index", *HEADER[1:]], make_rows(), "another header"),
        (HEADER, make_rows()[:1], "too few rows"),
        (HEADER, [*make_rows()[:3], make_rows()[3][:-1]], "line 5 is not complete"),
        (HEADER, set_cell(2, 0, "dig-000009"), "id does not belong there.*dig-000009"),
        (HEADER, set_cell(2, 0, "dig-000001"), "id comes twice.*dig-000001"),
        (HEADER, set_cell(1, 6, "nan"), "line 3, column f5.*'nan'"),
        (HEADER, set_cell(1, 6, "1e999"), "line 3, column f5.*'1e999'"),
        (HEADER, set_cell(0, 2048, "abc"), "line 2, column f2047.*'abc'"),
        (HEADER, set_cell(0, 1, ""), "line 2, column f0.*''"),
    ],
)
def test_what_is_wrong_with_a_submission_is_said(tmp_path, real_path, capsys, header, rows, words):
    path = tmp_path / "submission.csv"
    write_rows(path, header, rows)
    code, out, err = run(["score", path, "--real", real_path], capsys)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2
    assert re.search(words, err), err


def test_unreadable_files_are_named(tmp_path, submission, real_path, capsys):
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    text = tmp_path / "text.npy"
    text.write_text("text")
    counts, narrow, few = (tmp_path / f"{name}.npy" for name in ("counts", "narrow", "few"))
    np.save(counts, np.zeros((9, 2048), np.int64))
    np.save(narrow, np.zeros((9, 64)))
    np.save(few, draw(3, 4))
    archive = tmp_path / "archive.npz"
    np.savez(archive, a=draw(9, 4))
    cases = [
        (tmp_path / "absent.csv", real_path, "no such file"),
        (binary, real_path, "cannot be read"),
        (empty, real_path, "an empty file"),
        (submission, tmp_path / "absent.npy", "no such file"),
        (submission, text, "cannot be read"),
        (submission, counts, "holds no features"),
        (submission, archive, "holds no features"),
        (submission, narrow, "wrong shape"),
        (submission, few, "wrong shape"),
    ]
    for path, real, words in cases:
        code, out, err = run(["score", path, "--real", real], capsys)
        assert (code, out) == (2, ""), (path, real)
        assert words in err


def test_a_zip_of_pictures_is_scored_by_their_features(tmp_path, real_path, capsys):
    """What competition images submits, against the features of the same pictures."""
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 16, 16), dtype=np.uint8)
    archive, features = tmp_path / "images.zip", tmp_path / "features.npy"
    write_zip(archive, images, "{:05d}.png".format)
    weights = ["--weights", "random"]
    assert run(["features", archive, "-o", features, *weights], capsys)[0] == 0
    code, out, err = run(["score", archive, "--real", real_path, "--json", *weights], capsys)
    assert (code, "the competition asks for" in err) == (0, False)
    scores = json.loads(out)
    assert scores["rows"] == 20
    fid = frechet_distance(np.load(features), features_to_statistics(np.load(real_path)))
    assert scores["fid"] == pytest.approx(fid)
