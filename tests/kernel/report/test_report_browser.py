"""report.html as a user sees it: headless Chromium opens it without a network, light and dark."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.base.image_grid import write_grid
from lib.kernel.report.report import Findings, write_report

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
TEMPLATE = (Path(__file__).parents[3] / "kernel_template" / "report.html.j2").read_text()
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-quic"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_grid(folder / "grid.png", np.zeros((8, 1, 32, 32), np.uint8), columns=4, scale=4)
    findings = Findings(
        "A run",
        {"recipe": "pixel", "lr": 2e-3},
        is_complete=True,
        metrics={"fid": 0.0284, "floor": 0.0066, "seconds": {"train": 420.0, "decode": 3.0}},
        history=[{"step": k, "loss": 1 / k, "fid": 2 / k} for k in range(1, 30)],
        figures={"Real": (folder / "grid.png").read_bytes()},
    )
    write_report(folder / "report.html", TEMPLATE, findings)
    return folder / "report.html"


def see(page: Path, *options: str) -> np.ndarray:
    """A page -> the window as (900, 1200, 3) uint8."""
    picture = page.parent / "window.png"
    picture.unlink(missing_ok=True)
    profile = f"--user-data-dir={page.parent / 'profile'}"
    size = [f"--screenshot={picture}", "--window-size=1200,900"]
    subprocess.run(
        [str(CHROMIUM), *QUIET, *OFFLINE, profile, *size, *options, page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return np.asarray(Image.open(picture).convert("RGB"))


def test_page_is_drawn_light_and_dark(page: Path) -> None:
    light, dark = see(page), see(page, "--force-dark-mode")
    assert light[2, 2].mean() > 240
    assert dark[2, 2].mean() < 40
    for window in (light, dark):
        ink = np.abs(window.astype(int) - window[2, 2]).sum(axis=2) > 120
        assert 0.01 < ink.mean() < 0.6  # text, curves and the grid, not a blank or a broken page
    figure = (light == 0).all(axis=2)
    assert figure.sum() > 100_000  # the grid's eight black pictures at four times their size
