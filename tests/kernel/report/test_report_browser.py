"""report.html as a user sees it: in headless Chromium, offline, light and dark, wide and narrow."""

import html
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.kernel.competition.gan_challenge.rules import RULES
from lib.kernel.configuration.settings import show_settings
from lib.kernel.recipes.table import find_preset, make_config
from lib.kernel.report.figures import encode_figure
from lib.kernel.report.meanings import DETAILS, ORIGIN
from lib.kernel.report.report import Findings, write_report
from lib.kernel.report.verdict import judge_run
from tests.chromium import CHROMIUM

TEMPLATE = (Path(__file__).parents[3] / "kernel_template" / "report.html.j2").read_text()
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-quic"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


# A page in a frame of some width, as a phone's window; its title says what does not fit.
FRAME = """<title></title><style>body {{ margin: 0 }}</style>
<iframe id="frame" style="width: {width}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<script>onload = () => {{
  const root = frame.contentDocument.documentElement;
  const every = [...root.querySelectorAll("body, body *")];
  const all = every.filter(one => !one.parentNode.closest("svg"));
  const wide = all.filter(one => one.getBoundingClientRect().right > root.clientWidth + 0.5);
  const shown = getComputedStyle(root.querySelector("img")).imageRendering;
  const fits = root.scrollWidth <= root.clientWidth;
  document.title = `${{all.length > 50}} ${{fits}} ${{wide.length}} ${{shown}}`;
}}</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a finished run, with everything that may be wide."""
    folder = tmp_path_factory.mktemp("report")
    grid = encode_figure(np.zeros((8, 1, 32, 32), np.uint8))
    config = make_config("pixel", {})
    metrics = {
        "fid": 0.0284,
        "floor": 0.0066,
        "excess": 0.0218,
        "kept": 58_578,
        "rejected_by_reason": {"a record that is not an object": 900},
        "seconds": {"train": 420.0, "real features": 3.0},
        "training": {"seconds": 400.0},
        "stall": "FID has stalled: 0.03 at step 3,000",
        "details": {**dict.fromkeys(DETAILS, 0.12345), "pixels": {"real": {"anti-aliased": 0.5}}},
    }
    metrics["verdict"] = judge_run(metrics, config, RULES).as_dict()
    findings = Findings(
        "Kernelpress: GAN Challenge by recipe pixel",
        show_settings(config, find_preset("pixel")),
        is_complete=True,
        metrics=metrics,
        history=[
            {"step": k * 900, "critic": -k, "loss": 1 / k, "fid": 2 / k} for k in range(1, 30)
        ],
        figures={"Real": grid, "Generated": grid},
        provenance=dict.fromkeys(ORIGIN, "ab" * 32),
    )
    write_report(folder / "report.html", TEMPLATE, findings)
    return folder / "report.html"


def call(page: Path, *options: str) -> str:
    """A page, options -> what Chromium prints."""
    profile = f"--user-data-dir={page.parent / 'profile'}"
    ended = subprocess.run(
        [str(CHROMIUM), *QUIET, *OFFLINE, profile, *options, page.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return ended.stdout


def see(page: Path, *options: str) -> np.ndarray:
    """A page -> the window as (1600, 1200, 3) uint8."""
    picture = page.parent / "window.png"
    picture.unlink(missing_ok=True)
    call(page, f"--screenshot={picture}", "--window-size=1200,1600", *options)
    return np.asarray(Image.open(picture).convert("RGB"))


def test_page_is_drawn_light_and_dark(page: Path) -> None:
    light, dark = see(page), see(page, "--force-dark-mode")
    assert light[2, 2].mean() > 240
    assert dark[2, 2].mean() < 40
    for window in (light, dark):
        ink = np.abs(window.astype(int) - window[2, 2]).sum(axis=2) > 120
        assert 0.01 < ink.mean() < 0.6  # text, curves and the grid, not a blank or a broken page
    figure = (light == 0).all(axis=2)
    assert figure.sum() > 100_000  # the grids' sixteen black pictures at four times their size


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_a_phone_or_a_desk_screen(page: Path, width: int, theme: str) -> None:
    framed = page.with_name("framed.html")
    framed.write_text(FRAME.format(width=width, page=html.escape(page.read_text())))
    options = ["--force-dark-mode"] if theme == "dark" else []
    title = call(framed, "--dump-dom", "--window-size=1300,1000", *options)
    assert "<title>true true 0 pixelated</title>" in title
