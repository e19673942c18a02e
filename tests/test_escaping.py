"""Hostile names and messages in report, board, terminal: they are shown, and do nothing there."""

import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.base.exit_codes import run_for_exit_code
from lib.base.log import log
from lib.base.tables import format_table
from lib.base.terminal import as_printable
from lib.commands.all_runs.page import TEMPLATE
from lib.commands.board import write_board
from lib.kaggle.ledger import LEDGER, append_event
from lib.kaggle.workspace import Workspace
from lib.kernel.report.figures import encode_figure
from lib.kernel.report.report import Findings, write_report
from tests.chromium import CHROMIUM, Tab, open_tab
from tests.commands.all_runs.made_runs import REF, fetch, push, write_run
from tests.local_runs import ROOT

REPORT = (ROOT / "kernel_template" / "report.html.j2").read_text()
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</title></style></svg><img src=x onerror=\"document.title='owned'\">",
    '" onmouseover="document.title=\'owned\'" x="',
    "' onfocus='document.title=1' autofocus='",
    "javascript:document.title='owned'",
    "--><!--]]><svg/onload=document.title='owned'>",
    "{{ 7 * 7 }}{% raw %}",
    "a\u2028b\u2029c\x00\x1b[2J\x9b2J\ud800",
)
PLAIN = tuple(f"plain {number}" for number in range(len(HOSTILE)))
GRID = encode_figure(np.zeros((4, 1, 32, 32), np.uint8))


class Structure(HTMLParser):
    """What a page is made of, without its words: tags, names of attributes, addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, ...]] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, *(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self.parts.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment",))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def make_findings(texts: tuple[str, ...], is_complete: bool) -> Findings:
    """A text for every place of a report that data, options or a log can reach -> Findings."""
    numbers = dict.fromkeys(texts, 3)
    metrics: dict[str, Any] = {
        "fid": 0.02,
        "floor": 0.01,
        "kept": 3,
        "rejected_by_reason": numbers,
        "notes": numbers,
        "score_notes": list(texts),
        "weights": texts[0],
        "judged": {"images": 100},
        "stall": texts[1],
        "candidates": {text: {text: text} for text in texts},
        "seconds": dict.fromkeys(texts, 2.0),
        "details": {"pixels": {text: dict.fromkeys(texts, 0.5) for text in texts}, texts[2]: 0.1},
        "verdict": {"answer": texts[3], "words": texts[4], "reasons": list(texts)},
    }
    return Findings(
        texts[0],
        {text: text for text in texts},
        stage=texts[1],
        is_complete=is_complete,
        warnings=list(texts),
        metrics=metrics,
        history=[{"step": step, **dict.fromkeys(texts, 1.0 + step)} for step in (1, 2)],
        curation=[(0, 0.3), (1, 0.2)],
        spectra={text: [1.0, 0.5, 0.2] for text in texts},
        figures=dict.fromkeys(texts, GRID),
        provenance={text: text for text in texts},
        training="" if is_complete else texts[5],
        newest={} if is_complete else {f"newest {text}": GRID for text in texts},
    )


def write_page(path: Path, texts: tuple[str, ...], is_complete: bool) -> Structure:
    write_report(path, REPORT, make_findings(texts, is_complete))
    return Structure(path.read_text())


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_hostile_report_has_the_structure_of_a_plain_one(
    tmp_path: Path, is_complete: bool
) -> None:
    texts = tuple(text.replace("\ud800", "") for text in HOSTILE)
    hostile = write_page(tmp_path / "hostile.html", texts, is_complete)
    plain = write_page(tmp_path / "plain.html", PLAIN, is_complete)
    assert hostile.parts == plain.parts
    assert all(link.startswith("data:image/png;base64,") for link in hostile.links)
    words = "".join(hostile.words)
    for text in texts[:7]:
        assert text in words


def make_board(root: Path, texts: tuple[str, ...]) -> Path:
    """Texts for names, options and messages of runs -> the board of a workplace that has them."""
    (root / "kernel_template").mkdir(parents=True)
    shutil.copy(ROOT / TEMPLATE, root / TEMPLATE)
    for number, text in enumerate(texts):
        name = "".join(sign for sign in text if sign not in "/\0\ud800")
        folder = write_run(
            *(root / "build" / name, number),
            trained=text,
            policy=text,
            warnings=[text],
            stall=text,
            verdict={"answer": "doubtful", "words": text, "reasons": [text]},
        )
        (folder / "report.html").write_text(f"<title>{text.encode('ascii', 'ignore')}</title>")
        push(root, number + 1, recipe="pixel", policy=text)
        fetch(root, number + 1, 0.02)
        message = {"status": text, "message": text}
        append_event(root / LEDGER, "status", REF, number + 1, **message)
        append_event(root / LEDGER, "score", REF, number + 1, public=text, private=text)
    write_board(Workspace(root), root / "build" / "board.html")
    return root / "build" / "board.html"


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("boards")
    return [make_board(folder / name, texts) for name, texts in (("h", HOSTILE), ("p", PLAIN))]


def test_a_hostile_board_has_the_structure_of_a_plain_one(boards: list[Path]) -> None:
    hostile, plain = (Structure(path.read_text()) for path in boards)
    assert hostile.parts == plain.parts
    data = next(json.loads(text) for text in hostile.words if text.startswith('{"made"'))
    assert len(data["runs"]) == 2 * len(HOSTILE)
    assert boards[0].read_text().isascii() or "\u2028" not in boards[0].read_text()
    links = [run["report"] for run in data["runs"] if run["report"]]
    assert len(links) == len(HOSTILE)
    assert not any(":" in link.partition("/")[0] for link in links), "a link with a scheme"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_no_script_of_theirs_runs_in_a_browser(boards: list[Path], tmp_path: Path) -> None:
    texts = tuple(text.replace("\ud800", "") for text in HOSTILE)
    write_page(tmp_path / "report.html", texts, is_complete=True)
    with open_tab(tmp_path) as tab:
        for page in (tmp_path / "report.html", boards[0]):
            tab.open(page)
            press_everything(tab)
            assert tab.ask("document.title") in (texts[0], "Kernelpress: all runs")
            protocols = "[...document.links].map(one => one.protocol).join()"
            assert set(tab.ask(protocols).split(",")) <= {"", "file:"}
            assert (
                tab.ask("document.querySelectorAll('img[src=x], [onload], [onerror]').length") == 0
            )
            assert not any("javascript" in url for url in tab.list_requests())


def press_everything(tab: Tab) -> None:
    """Hover and click whatever a page has that could be a trap, but for links that lead away."""
    tab.ask("""for (const one of document.querySelectorAll('*')) {
      one.dispatchEvent(new Event('mouseover', {bubbles: true}));
      one.dispatchEvent(new Event('focus'));
    }
    for (const one of document.querySelectorAll("input[type=checkbox], a")) {
      if (one.tagName !== 'A' || one.protocol === 'javascript:') one.click();
    }""")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_the_log_moves_no_cursor(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    log("decode", f"{text}\nfake: a line of its own")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.rstrip("\n").isprintable()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [InputError, ValueError, OSError])
def test_an_error_has_two_lines_and_moves_no_cursor(
    text: str, kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        if kind is InputError:
            raise InputError("shards", text, expected=text, got=f"{text}\n{text}", cure=text)
        raise kind(f"{text}\n{text}")

    assert run_for_exit_code(fail, debug=False) in (1, 2)
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


def test_a_file_name_that_clears_the_screen_is_escaped_on_the_way_to_the_user(
    tmp_path: Path,
) -> None:
    """The whole command, in a process of its own, on a folder with such names."""
    folder = tmp_path / "in\x1b[2J\x9bput"
    folder.mkdir()
    (folder / "a\x1b]0;owned\x07.txt").write_text("x")
    ended = subprocess.run(
        [sys.executable, "build.py", "decode", "--input", folder, "--output", tmp_path / "out"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    shown = (ended.stdout + ended.stderr).decode()
    assert shown.replace("\n", "").isprintable()
    assert "\\x1b[2J" in shown


def test_a_table_keeps_its_columns() -> None:
    table = format_table([["name", "value"], ["a\x1b[2J\nb", "\u202e1"]])
    assert len(table.splitlines()) == 2
    assert table.replace("\n", "").isprintable()


def test_what_prints_stays_as_it_is() -> None:
    for text in ("", "plain", "é ß 猫 🙂", "a\\n", "C:\\x"):
        assert as_printable(text) == text
    assert as_printable("a\nb\x1b\x9b\u2028\ud800é") == "a\\nb\\x1b\\x9b\\u2028\\ud800é"
