"""`build.py board` and `runs --json`: a page and rows of all runs, by a Python without packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import InputError
from lib.commands.all_runs.page import TEMPLATE, escape_json
from lib.commands.all_runs.row import KEYS
from lib.commands.board import write_board
from lib.commands.on_kaggle.fetch import tell_comparison
from lib.kaggle.ledger import LEDGER
from lib.kaggle.workspace import Workspace
from tests.commands.all_runs.made_runs import HOSTILE, REF, fetch, push, write_run
from tests.local_runs import copy_sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with two pushes, one of them fetched, and two runs made here."""
    root = copy_sources(tmp_path_factory.mktemp("copy") / "root")
    metadata = root / "kernel-metadata.json"
    metadata.write_text(metadata.read_text().replace("your-kaggle-name", "ada"))
    push(root, 1)
    fetch(root, 1, 0.02)
    push(root, 2, lr=0.5)
    fetch(root, 2, 0.01)
    write_run(root / "runs" / "gan-challenge" / "v2", 3, fid=0.01, lr=0.5)
    write_run(root / "build" / "demo", 1)
    (root / "build" / "demo" / "real.png").write_bytes(b"GIF89a")
    (root / "build" / "broken").mkdir()
    (root / "build" / "broken" / "metrics.json").write_text("{")
    return root


def call(root: Path, *words: str, code: int = 0) -> tuple[str, str]:
    """Words after build.py, by a Python without site-packages -> stdout and stderr."""
    ended = subprocess.run(
        [sys.executable, "-S", "build.py", *words],
        cwd=root,
        env={"PATH": os.environ["PATH"], "HOME": str(root), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    return ended.stdout, ended.stderr


def read_data(page: Path) -> Any:
    """A page -> the JSON in it."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found
    return json.loads(found[1])


def test_page_is_written_and_its_address_printed(sources: Path) -> None:
    out, errors = call(sources, "board")
    page = sources / "build" / "board.html"
    assert errors == ""
    assert out.splitlines()[-1] == f"board: {page.as_uri()}"
    assert re.search(r"^board: 3 runs, \d\d kB; open it with a browser:$", out, re.MULTILINE)
    assert "board: build/broken: metrics.json is damaged: it is no JSON, left out" in out
    data = read_data(page)
    names = ["gan-challenge/v2", "build/demo", "gan-challenge/v1"]
    assert sorted(run["name"] for run in data["runs"]) == sorted(names)
    (fetched,) = (run for run in data["runs"] if run["name"] == names[0])
    assert fetched["report"] == "../runs/gan-challenge/v2/report.html"
    assert data["pictures"][fetched["generated"]].startswith("data:image/png;base64,")
    assert data["notes"] == [
        "build/broken: metrics.json is damaged: it is no JSON, left out",
        "build/demo: real.png is no PNG picture, left out",
    ]
    assert all(f"board: {note}\n" in out for note in data["notes"])


def test_page_may_lie_elsewhere(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "a b" / "all.html"
    call(sources, "board", "--output", str(target))
    (report,) = {run["report"] for run in read_data(target)["runs"] if run["kind"] == "local"}
    assert (target.parent / report).resolve() == sources / "build" / "demo" / "report.html"


def test_rows_of_both_commands_are_the_same(sources: Path) -> None:
    out, notes = call(sources, "board", "--json")
    rows = json.loads(out)
    assert notes == "board: build/broken: metrics.json is damaged: it is no JSON, left out\n"
    assert all(list(row) == list(KEYS) for row in rows)
    pushed, errors = call(sources, "runs", "--json")
    assert errors == ""
    assert json.loads(pushed) == [row for row in rows if row["kind"] == "kaggle"]
    first, second = json.loads(pushed)
    assert (first["name"], first["fid"], first["comparison"]["percent"]) == (
        "gan-challenge/v2",
        0.01,
        0.0,
    )
    assert second["comparison"]["best"] == "build/demo"
    assert second["trained"] is None


def test_json_and_a_page_at_once_are_refused(sources: Path) -> None:
    _, errors = call(sources, "board", "--json", "--output", "x.html", code=2)
    assert "cure: leave out one of them" in errors


def test_output_that_is_a_folder_is_refused(sources: Path) -> None:
    _, errors = call(sources, "board", "--output", "build", code=2)
    assert "the output is no file" in errors


def test_runs_tells_how_each_stands_beside_the_best_before(sources: Path) -> None:
    table, _ = call(sources, "runs")
    assert "beside best" in table.splitlines()[0]
    rows = [re.split(r"\s{2,}", line) for line in table.splitlines()[1:]]
    assert [(row[1], row[10]) for row in rows] == [("2", "equal"), ("1", "100 % worse")]


def test_diff_as_json(sources: Path) -> None:
    out, _ = call(sources, "runs", "--diff", "gan-challenge/1", "gan-challenge/2", "--json")
    found = json.loads(out)
    assert list(found) == ["first", "second", "configuration", "code"]
    assert found["first"] == f"{REF} version 1"
    assert found["configuration"] == ["lr: 0.002 against 0.5"]


def test_nothing_but_json_is_on_stdout_while_a_push_is_pending(tmp_path: Path) -> None:
    root = copy_sources(tmp_path / "root")
    assert json.loads(call(root, "runs", "--json")[0]) == []
    (root / "runs").mkdir()
    pending = {"event": "pushing", "ref": REF, "version": 1, "push_id": "a1", "recipe": "pixel"}
    (root / LEDGER).write_text(f"no event\n{json.dumps(pending)}\n")
    out, notes = call(root, "runs", "--json")
    assert [row["status"] for row in json.loads(out)] == ["UNSETTLED"]
    assert "Kaggle cannot be asked" in notes
    assert "line 1 of ledger.jsonl is no event" in notes


def test_fetch_says_how_the_run_stands(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_comparison(Workspace(sources), REF, 2)
    assert capsys.readouterr().out == (
        "fetch: compared: FID 0.01, 3.3 times its floor; the best of 2 runs before on the same "
        "data has 0.01 (build/demo, pixel): as good\n"
    )
    tell_comparison(Workspace(sources), REF, 7)
    assert capsys.readouterr().out == ""


def test_no_text_of_a_run_ends_the_script_that_holds_it(tmp_path: Path) -> None:
    (tmp_path / "kernel_template").mkdir()
    shutil.copy(ROOT / TEMPLATE, tmp_path / TEMPLATE)
    for place in ("build", "runs"):
        write_run(tmp_path / place / HOSTILE.replace("/", "|"), 1, trained=HOSTILE)
    verdict = {"answer": HOSTILE, "words": HOSTILE, "reasons": [HOSTILE]}
    write_run(tmp_path / "build" / "a", 2, verdict=verdict, policy=HOSTILE)
    push(tmp_path, 1, image_name=HOSTILE)
    push(tmp_path, 2, image_name=f"{HOSTILE}\u2028<!--<script>")
    target = tmp_path / "build" / "board.html"
    write_board(Workspace(tmp_path), target)
    text, template = target.read_text(), (ROOT / TEMPLATE).read_text()
    for sign in ("<", ">"):
        assert text.count(sign) == template.count(sign)
    assert HOSTILE in json.dumps(read_data(target))


def test_json_for_a_script_reads_back_the_same() -> None:
    value = {"a": "</script><!--&amp;\u2028\ud800", "<b>": [1.5, None, True]}
    text = escape_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028") & set(text)


def test_keys_are_documented_as_they_are() -> None:
    text = (ROOT / "docs" / "BOARD.md").read_text()
    table = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    assert table == list(KEYS.items())


def test_the_template_asks_for_nothing_from_elsewhere() -> None:
    template = (ROOT / TEMPLATE).read_text()
    assert "default-src 'none'" in template
    assert not re.search(r"https?:|//\w|@import|\bsrc=|url\(|innerHTML|eval\(", template)


def test_a_page_for_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    from lib.commands.board import BOARD
    from lib.commands.options import parse_and_run

    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be"):
        parse_and_run(BOARD, ["--output", str(tmp_path / "file" / "board.html")])
