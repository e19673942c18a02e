"""report.html: readable without network, whatever part of a run there is."""

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from lib.kernel.report.charts import draw_bars, draw_lines
from lib.kernel.report.report import Findings, Found, write_report

pytestmark = pytest.mark.ships


TEMPLATE = (Path(__file__).parents[3] / "kernel_template" / "report.html.j2").read_text()


class Page(HTMLParser):
    """Collects the links of a page and checks that its tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def write_and_read(tmp_path: Path, findings: Findings) -> Page:
    write_report(tmp_path / "report.html", TEMPLATE, findings)
    return Page((tmp_path / "report.html").read_text())


def test_a_run_that_was_cut_short_still_has_a_page(tmp_path: Path) -> None:
    page = write_and_read(tmp_path, Findings("Run", {"recipe": "pixel"}, stage="decode"))
    assert "Not complete" in page.words
    assert "decode" in page.words
    assert page.open == []


def test_a_whole_run_shows_its_numbers_and_needs_no_network(tmp_path: Path) -> None:
    findings = Findings(
        "Run <1>",
        {"recipe": "pixel", "lr": 2e-3},
        is_complete=True,
        warnings=["RANDOM WEIGHTS"],
        metrics={
            "fid": 0.0284,
            "floor": 0.0066,
            "floor_se": 0.0004,
            "floor_size": 1000,
            "floor_against": 5990,
            "floor_half": 0.0083,
            "floor_half_size": 1000,
            "floor_half_against": 2995,
            "kept": 58578,
            "rejected_by_reason": {"invalid base64": 900},
            "seconds": {"decode": 20.0, "train": 420.0},
            "details": {"kid": 0.001},
        },
        history=[{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5, "fid": 3.0}],
        curation=[(0, 0.03), (1, 0.02)],
        figures={"Real images": b"\x89PNG"},
        provenance={"bundle": "ab" * 32},
    )
    page = write_and_read(tmp_path, findings)
    for word in (
        "Run <1>",
        "0.0284",
        "0.0066 ",
        "1,000 real images against 5,990 others",
        "1,000 real images against 2,995 others",
        "58,578",
        "invalid base64",
        "RANDOM",
        "loss",
        "kid",
    ):
        assert word.strip() in page.words, word
    assert [link[:22] for link in page.links] == ["data:image/png;base64,"]
    assert page.open == []


def test_an_unknown_excess_is_said_and_not_shown_as_a_number(tmp_path: Path) -> None:
    metrics = {"fid": 0.03, "floor": 0.01, "floor_size": 1000, "floor_against": 300, "excess": None}
    page = write_and_read(tmp_path, Findings("Run", {}, metrics=metrics))
    assert "1,000 real images against 300 others, a guess: there are too few" in page.words
    assert "Excess over the floor" not in page.words


def test_mifid_is_told_with_what_memorisation_was_measured_against(tmp_path: Path) -> None:
    details = {
        "mifid": 0.1234,
        "memorisation_distance": 0.05678,
        "memorisation_distance_real": 0.06,
        "memorisation_against": 52_734,
    }
    page = write_and_read(tmp_path, Findings("Run", {}, metrics={"details": details}))
    words = "memorisation distance 0.0568 to 52,734 training images, of real ones 0.06"
    for text in ("MiFID", "0.1234", words):
        assert text in page.words


def test_fids_in_training_are_told_with_what_measured_them(tmp_path: Path) -> None:
    history = [{"step": k, "nll": 1.0, "fid short": 3.0 / k, "fid long": 4.0 / k} for k in (1, 2)]
    metrics = {
        "fid": 0.01,
        "weights": "weights of step 2 (short)",
        "judged": {"images": 2000, "seconds": 9.0, "fast_error": -0.0012},
        "details": {"fid_20000": 0.0123},
        "score_notes": ["FID was the loss."],
    }
    page = write_and_read(tmp_path, Findings("Run", {}, history=history, metrics=metrics))
    caption = (
        "FID over time, lower is better. Of each average of the weights, by 2,000 samples, "
        "on a fast path that"
    )
    words = ("fid short", "fid long", "fid_20000", "0.0123", "FID was the loss.")
    for text in (f"{caption} is -0.0012 off", "Chosen: weights of step 2 (short).", *words):
        assert text in page.words


@pytest.mark.parametrize("log_y", [True, False])
def test_lines_survive_what_training_can_produce(log_y: bool) -> None:
    points = [(0.0, float("nan")), (1.0, float("inf")), (2.0, -1.0), (3.0, 0.0), (4.0, 5.0)]
    svg = draw_lines({"loss & <more>": points, "none": []}, "step", "loss", log_y)
    assert "nan" not in svg
    assert "inf" not in svg
    assert "loss &amp; &lt;more&gt;" in svg
    assert Page(svg).open == []
    assert draw_lines({"none": []}, "step", "loss") == ""


def test_random_series_stay_within_the_picture() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        scale = 10.0 ** random.integers(-8, 8)
        points = [(float(x), float(y)) for x, y in random.normal(size=(20, 2)) * scale]
        svg = draw_lines({"a": points}, "x", "y")
        pairs = svg.split('points="')[1].split('"')[0].split()
        for pair in pairs:
            right, down = map(float, pair.split(","))
            assert 0 <= right <= 560
            assert 0 <= down <= 240
        assert 4 <= svg.count("<text") <= 24


def test_bars_have_one_row_for_each_label_and_series() -> None:
    svg = draw_bars({"real": {"flat": 0.5, "soft": 0.1}, "generated": {"flat": 0.4}}, "")
    assert svg.count("<rect") == 4
    assert "generated" in svg


def test_every_field_of_what_a_stage_found_reaches_the_report() -> None:
    """A field that is added to Found alone would get lost without a word."""
    told = {item.name: [item.name] for item in dataclasses.fields(Found)}
    told |= {"metrics": {"fid": 1.0}, "notes": ["a note"], "figures": {"caption": b"png"}}
    findings = Findings("title", {})
    findings.add(Found(**told))
    assert findings.metrics == {"fid": 1.0, "score_notes": ["a note"]}
    for name in told.keys() - {"metrics", "notes"}:
        assert getattr(findings, name) == told[name]
