"""Strict submissions: what is accepted the host's pandas reads alike, and lines are the file's."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import InputError, PipelineError
from lib.commands.offline.scoring import read_any_submission
from lib.commands.offline.submission_check import _refuse_table
from lib.kernel.competition.gan_challenge.submission import read_submission, write_submission
from lib.kernel.competition.gan_challenge.submission_table import HEADER, _is_number, read_table

VALUES = np.random.default_rng(0).standard_normal((4, 2048)).astype(np.float32)
ACCEPTED = (
    "1.5",
    "-1.5",
    "+1.5",
    ".5",
    "5.",
    "5.e3",
    "1E5",
    "1e+05",
    "7",
    " 1.5",
    "1.5\t",
    "1e-999",
)
REFUSED = (
    *("1_000", "1_0.5", "١٢", "１", "1.5e١", "nan", "NaN", "-nan", "inf", "-inf", "Infinity"),
    *("infinity", "0x10", "0x1p3", "\u00a01.5", "1.5\u2003", "1.5\x0b", "1.5\x00", "", " ", "NA"),
    *("null", "1d5", "1e", "e5", ".", "+", "--1", "- 1", "1 2", "1e 5", "1,5", "TRUE", "\u22121"),
    *("1.5f", "1e999", "-1e999", "9" * 30, "1" + "0" * 400, "1;2", "'1.5'"),
)


def write_cell(path, cell, blank=0):
    """A submission of four rows after so many blank lines: the cell is f5 of the second one."""
    write_submission(path, VALUES)
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[6] = f'"{cell}"' if "," in cell else cell
    lines[2] = ",".join(cells)
    path.write_text("\n".join([lines[0], *[""] * blank, *lines[1:]]) + "\n", encoding="utf-8")
    return path


def read_by_pandas(cell):
    """A cell between plain numbers -> the value the host gets, or None for text and NaN."""
    text = f'id,f0,f1\ndig-000000,1.25,2.5\ndig-000001,"{cell}",2.5\n'
    column = pd.read_csv(io.StringIO(text))["f0"]
    if not pd.api.types.is_numeric_dtype(column) or not np.isfinite(column[1]):
        return None
    return float(column[1])


@pytest.mark.parametrize("cell", ACCEPTED)
def test_what_the_host_reads_as_a_number_is_read_alike(tmp_path, cell):
    path = write_cell(tmp_path / "submission.csv", cell)
    expected = read_by_pandas(cell)
    assert expected is not None
    for read in (read_any_submission, read_submission):
        assert read(path)[1, 5] == pytest.approx(expected)
    read_table(path, _refuse_table, in_order=True, rows=4)


@pytest.mark.parametrize("cell", REFUSED)
@pytest.mark.parametrize("blank", [0, 4])
def test_what_the_host_reads_as_text_is_refused_with_its_line(tmp_path, cell, blank):
    """An error on line 8 after blank lines was once called line 5."""
    path = write_cell(tmp_path / "submission.csv", cell, blank)
    words = f"line {3 + blank}, column f5"
    with pytest.raises(InputError, match=f"score: {words}"):
        read_any_submission(path)
    with pytest.raises(PipelineError, match=f"verify: {words}"):
        read_submission(path)
    with pytest.raises(PipelineError, match=f"submit: {words}"):
        read_table(path, _refuse_table, in_order=True, rows=4)


@given(st.text("0123456789+-.eE_ \tnaif\u00a0١x", max_size=24))
def test_no_cell_is_accepted_that_the_host_reads_as_text(cell):
    if _is_number(cell) and np.isfinite(float(cell)):
        assert read_by_pandas(cell) == pytest.approx(float(cell), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [rows[0], "", "", rows[2], rows[1]], None),
        (
            lambda rows: [rows[0], "", rows[1].replace("dig-0", "dig-０"), rows[2]],
            "line 3: an id",
        ),
        (lambda rows: [*rows[:2], "", rows[2].replace("dig-", " dig-")], "line 4: an id"),
        (lambda rows: [*rows[:3], "", "", rows[2]], "line 6: an id comes twice.*line 3"),
        (lambda rows: [*rows[:3], "", "dig-000002,1"], "line 5 is not complete"),
        (lambda rows: [*rows[:3], " "], "line 4 is not complete"),
        (lambda rows: [*rows[:3], '"dig'], "cannot be read"),
        (lambda rows: [*rows[:3], "dig-000002" + ',"1\n2"' * 2048], "line 4, column f0"),
        (lambda rows: [rows[0].replace("f7,", " f7,"), *rows[1:]], "another header"),
    ],
)
def test_rows_and_ids_are_told_by_the_files_own_lines(tmp_path, change, words):
    path = tmp_path / "submission.csv"
    write_submission(path, VALUES)
    changed = change(path.read_text().splitlines()[:3])
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")
    if words is None:
        assert np.array_equal(read_any_submission(path).astype(np.float32), VALUES[[1, 0]])
        with pytest.raises(PipelineError, match="line 4 has another id"):
            read_submission(path)
        return
    with pytest.raises(InputError, match=words):
        read_any_submission(path)


def test_the_header_is_the_hosts():
    assert HEADER[:3] == ["id", "f0", "f1"]
    assert len(HEADER) == 2049
