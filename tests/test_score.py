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
from lib.host.command_score import SCORE, format_scores, read_any_submission
from lib.kernel.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics import measure_kid
from lib.kernel.submission import write_submission

ROOT = Path(__file__).parents[1]
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
    assert (scores["rows"], scores["real"], scores["floor_size"]) == (20, 60, 20)
    assert "the competition asks for 1,000" in done.stderr


def test_table_names_every_number():
    shown = ("fid", "floor", "floor_error", "excess", "kid", "kid_spread", "precision", "recall")
    floats = dict(zip(shown, 1.5 ** np.arange(8), strict=True))
    rest = {"density": 0.25, "coverage": 0.125, "rank_bound": 0.03, "rows": 1000, "real": 58578}
    lines = [line.split(maxsplit=1) for line in format_scores({**floats, **rest}).splitlines()]
    words = {text.strip(): number for number, text in lines}
    assert words["FID against all real images"] == "1"
    assert words["excess of FID over the floor"] == "3.375"
    assert words["real images"] == "58,578"
    assert len(lines) == 13


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
        (tmp_path / "absent.csv", real_path, "cannot be read"),
        (binary, real_path, "cannot be read"),
        (empty, real_path, "an empty file"),
        (submission, tmp_path / "absent.npy", "cannot be read"),
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


def test_the_command_is_registered():
    assert build.load_command("score") is SCORE
