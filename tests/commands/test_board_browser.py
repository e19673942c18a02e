"""The board as a user sees it: sorted, filtered, two side by side, on desktops and phones."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lib.commands.all_runs.page import TEMPLATE
from lib.commands.board import write_board
from lib.kaggle.ledger import LEDGER, append_event
from lib.kaggle.workspace import Workspace
from tests.chromium import CHROMIUM, Tab, open_tab
from tests.commands.all_runs.made_runs import HOSTILE, REF, fetch, push, write_run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
NASTY = f"build/{HOSTILE.replace('/', '|')}"
BEST_FIRST = [
    "gan-challenge/v1",  # the only one with a score
    *("gan-challenge/v2", "build/demo", "build/long", NASTY, "build/half", "build/quick"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("board")
    (root / "kernel_template").mkdir()
    shutil.copy(Path(__file__).parents[2] / TEMPLATE, root / TEMPLATE)
    push(root, 1)
    fetch(root, 1, 0.02)
    append_event(root / LEDGER, "score", REF, 1, public="9.5", private="10.25")
    push(root, 2, lr=0.5)
    fetch(root, 2, 0.01)
    verdict = {"answer": "doubtful", "words": "Far from the floor.", "reasons": ["5 times it"]}
    write_run(root / "build" / "demo", 1, fid=0.015, verdict=verdict)
    halves = {"fid_held_out": 0.02, "floor_half": 0.005}
    write_run(root / "build" / "long", 2, fid=0.016, recipe="r3gan", steps=60, **halves)
    write_run(root / "build" / "quick", 3, fid=0.0001, weights_file="random")
    write_run(root / NASTY, 4, fid=0.5, trained=HOSTILE, policy=HOSTILE, image_name="w" * 200)
    half = write_run(root / "build" / "half", 5)
    (half / "metrics.json").unlink()
    (root / "build" / "link").symlink_to("/")
    target = root / "build" / "board.html"
    write_board(Workspace(root), target)
    return target


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with open_tab(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


def list_names(tab: Tab) -> list[str]:
    """A tab -> names of the runs that it shows, from the top."""
    cells = "[...document.querySelectorAll('#runs tbody td.name :is(a, span)')]"
    names: list[str] = json.loads(tab.ask(f"JSON.stringify({cells}.map(each => each.textContent))"))
    return names


def name_row(name: str) -> str:
    """A run's name -> the CSS selector of its row; the order of the page's data is best first."""
    return f"#runs tr[data-place='{BEST_FIRST.index(name)}']"


def test_runs_stand_best_first_and_nothing_is_fetched(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert list_names(tab) == BEST_FIRST
    assert [url for url in tab.list_requests() if not url.startswith("data:")] == [page.as_uri()]
    assert tab.list_errors() == []
    assert tab.ask("document.title") == "Kernelpress: all runs"
    assert "build/link: a link" in tab.ask("document.querySelector('#notes').textContent")


def test_hostile_names_are_shown_as_they_are(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.click(f"{name_row(NASTY)} input")
    tab.click(f"{name_row('build/demo')} input")
    assert tab.ask("document.querySelectorAll('img[onerror], [src=x]').length") == 0
    assert HOSTILE in tab.ask("document.querySelector('#pair').textContent")
    assert tab.ask("document.title") == "Kernelpress: all runs"


@pytest.mark.parametrize("key", ["Enter", " ", "click"])
def test_a_head_sorts_and_sorts_back(tab: Tab, page: Path, key: str) -> None:
    tab.open(page)
    head = "#runs th[data-id=fid]"
    known = ["gan-challenge/v2", "build/demo", "build/long", "gan-challenge/v1", NASTY]
    for names, state in ((known, "ascending"), (known[::-1], "descending")):
        if key == "click":
            tab.click(f"{head} button")
        else:
            tab.ask(f"document.querySelector('{head} button').focus()")
            tab.press(key, "\r" if key == "Enter" else key)
        assert list_names(tab) == [*names, "build/half", "build/quick"], "the unknown stand last"
        assert tab.ask(f"document.querySelector('{head}').ariaSort") == state
    assert tab.ask("document.querySelectorAll('#runs th[aria-sort=none]').length") > 5


def test_random_weights_are_grey_and_say_why(tab: Tab, page: Path) -> None:
    tab.open(page)
    cell = f"{name_row('build/quick')} td[data-label=FID] .nothing"
    assert "means nothing" in tab.ask(f"document.querySelector({json.dumps(cell)}).title")


def test_a_multiple_says_of_which_numbers(tab: Tab, page: Path) -> None:
    tab.open(page)
    told = {
        "gan-challenge/v2": "3.33 = FID 0.01 by floor 0.003: near to real pictures",
        "build/long": "4 = FID 0.02 by floor 0.005 on held-out real pictures: near to real",
    }
    for name, words in told.items():
        cell = f"{name_row(name)} td[data-label='× floor'] span"
        title = tab.ask(f"document.querySelector({json.dumps(cell)}).title")
        assert title.startswith(words)


def test_every_column_says_what_it_means(tab: Tab, page: Path) -> None:
    tab.open(page)
    heads = "[...document.querySelectorAll('#runs th')]"
    assert tab.ask(f"{heads}.every(each => each.title.length > 20)")
    assert tab.ask("document.querySelectorAll('#terms dd').length") == tab.ask(f"{heads}.length")
    assert "no leaderboard score" in tab.ask("document.querySelector('#terms').textContent")


def choose(tab: Tab, select: str, text: str) -> None:
    """A select's id and an option's text -> that option chosen, as by hand."""
    found = f"[...document.querySelector('#{select}').options].find(each => each.text === '{text}')"
    tab.ask(f"{found}.selected = true")
    tab.ask(f"document.querySelector('#{select}').dispatchEvent(new Event('change'))")


def test_filters_by_text_recipe_status_and_place(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.click("#text")
    tab.write("LR: pixel")
    assert list_names(tab) == ["gan-challenge/v2"]
    assert tab.ask("document.querySelector('#count').textContent") == "1 of 7 runs"
    for select, option, names in (
        ("recipe", "r3gan", ["build/long"]),
        ("status", "UNFINISHED", ["build/half"]),
        ("kind", "on Kaggle", ["gan-challenge/v1", "gan-challenge/v2"]),
    ):
        tab.open(page)
        choose(tab, select, option)
        assert list_names(tab) == names


def test_two_runs_stand_side_by_side(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert tab.ask("document.querySelector('#pair').hidden")
    tab.click(f"{name_row('build/demo')} input")
    assert tab.ask("document.querySelector('#pair').hidden")
    assert "choose one more" in tab.ask("document.querySelector('#bar').textContent")
    tab.click(f"{name_row('build/long')} input")
    assert not tab.ask("document.querySelector('#pair').hidden")
    text = tab.ask("document.querySelector('#pair').innerText")
    for words in (
        "doubtful: Far from the floor.; 5 times it",
        "FID 0.016, 4.0 times its floor on held",
    ):
        assert words in text
    rows = "[...document.querySelectorAll('#pair tr')].map(each => each.innerText).join('|')"
    assert "steps\tauto\t60" in tab.ask(rows) or "steps\t0\t60" in tab.ask(rows)
    loaded = "[...document.querySelectorAll('#pair img')].filter(each => each.naturalWidth > 99)"
    assert tab.ask(f"{loaded}.length") == 4
    tab.click(f"{name_row('gan-challenge/v2')} input")
    heads = "[...document.querySelectorAll('#pair th[scope=col]')].map(each => each.textContent)"
    assert tab.ask(f"{heads}.slice(0, 2).join()") == "build/long,gan-challenge/v2"
    tab.click("#show")
    assert tab.ask("document.activeElement.id") == "pair"
    tab.click("#clear")
    assert tab.ask("document.querySelector('#pair').hidden")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1200])
def test_it_fits_every_window_light_and_dark(tab: Tab, page: Path, width: int, dark: bool) -> None:
    tab.open(page, width, dark)
    tab.click("#meaning summary")
    tab.click(f"{name_row(NASTY)} input")
    tab.click(f"{name_row('gan-challenge/v1')} input")
    assert tab.ask("document.documentElement.scrollWidth") <= width
    boxes = "[...document.querySelectorAll('#runs td, #pair td, #bar, select, button')]"
    right = f"Math.max(...{boxes}.map(each => each.getBoundingClientRect().right))"
    assert tab.ask(right) <= width
    is_card = tab.ask("getComputedStyle(document.querySelector('#runs tr[data-place]')).display")
    assert (is_card == "block") == (width < 1000)
    window = tab.see()
    ground = window[2, 2].mean()
    assert ground < 40 if dark else ground > 240
    ink = np.abs(window.astype(int) - window[2, 2]).sum(axis=2) > 120
    assert 0.01 < ink.mean() < 0.6
