"""report.html: readable without network, whatever part of a run there is."""

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lib.kernel.report.meanings import ORIGIN
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


def test_the_verdict_and_its_terms_stand_before_all_numbers(tmp_path: Path) -> None:
    reason = "FID has stalled: 3."
    metrics = {
        "fid": 0.2,
        "fid_held_out": 0.05,
        "floor": 0.1,
        "floor_half": 0.02,
        "curated": True,
        "verdict": {"answer": "submit", "words": "Submit it.", "reasons": [reason]},
    }
    warnings = ["FID has stalled: 3", "another warning"]
    run = Findings("Run", {}, is_complete=True, metrics=metrics, warnings=warnings)
    words = write_and_read(tmp_path, run).words.partition("Should I submit this?")[2]
    order = ["Submit it.", reason, "Frechet Inception distance", "the FID that as many other real"]
    order += ["another warning", "The held-out FID is", "2.5 times", "FID of the submission", "0.2"]
    places = [words.index(one) for one in order]
    assert places == sorted(places)
    assert words.count("FID has stalled") == 1  # a warning that is a reason is told once
    assert "chosen by FID out of a larger pool" in words


def test_random_weights_make_the_multiple_meaningless(tmp_path: Path) -> None:
    run = Findings("Run", {}, metrics={"fid": 3.0, "floor": 0.01})
    run.provenance = {"random_weights": True}
    assert "no meaning: random weights" in write_and_read(tmp_path, run).words


def test_settings_and_origin_are_told_with_what_they_mean(tmp_path: Path) -> None:
    run = Findings("Run", {"lr": 2e-3}, provenance=dict.fromkeys(ORIGIN, "x"))
    words = write_and_read(tmp_path, run).words
    assert "0.002factor: learning rate" in words
    assert all(meaning in words for meaning in ORIGIN.values())


@pytest.mark.parametrize("is_complete", [False, True])
def test_only_the_page_of_a_run_that_goes_on_is_loaded_again(
    tmp_path: Path, is_complete: bool
) -> None:
    run = Findings("Run", {}, is_complete=is_complete, figures={"Submitted": b"a"})
    run.newest, run.training = {"Newest samples": b"b"}, "training of pixel, step 1"
    page = write_and_read(tmp_path, run)
    text = (tmp_path / "report.html").read_text()
    assert ('http-equiv="refresh" content="30"' in text) != is_complete
    assert ("Newest samples" in page.words) != is_complete
    assert ("training of pixel, step 1" in page.words) != is_complete
    assert len(page.links) == (1 if is_complete else 2)


def test_every_field_of_what_a_stage_found_reaches_the_report() -> None:
    """A field that is added to Found alone would get lost without a word."""
    told = {item.name: [item.name] for item in dataclasses.fields(Found)}
    told |= {"metrics": {"fid": 1.0}, "notes": ["a note"], "figures": {"caption": b"png"}}
    findings = Findings("title", {})
    findings.add(Found(**told))
    assert findings.metrics == {"fid": 1.0, "score_notes": ["a note"]}
    for name in told.keys() - {"metrics", "notes"}:
        assert getattr(findings, name) == told[name]
