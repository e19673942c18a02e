"""The kernel where Kaggle may run it besides: as one cell, and built as a notebook of its own."""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from lib.base.files import read_json
from tests.local_runs import QUICK, call, copy_sources, list_options, write_input

SMALLER = ["--set", "samples=4", "--set", "pool=4", "--set", "sweep=false"]


def execute(notebook: Any, folder: Path, shards: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook run in its output folder, as on Kaggle -> that folder, empty before."""
    output = folder / "working"
    output.mkdir(parents=True)
    for name, value in (("KERNEL_INPUT", shards), ("KERNEL_OUTPUT", output)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TMPDIR", str(folder))
    resources = {"metadata": {"path": str(output)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    nbformat.validate(notebook)
    return output


def list_outputs(cell: Any, kind: str) -> list[Any]:
    """A cell, a MIME type -> the data of that type among its outputs."""
    return [one.data[kind] for one in cell.outputs if kind in one.get("data", {})]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_sources(tmp_path_factory.mktemp("copy") / "sources")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_input(tmp_path_factory.mktemp("data") / "input")


@pytest.fixture(scope="module")
def built(sources: Path) -> Any:
    """The notebook of a small kernel, built with a seed that the test then edits."""
    before = (sources / "kernel-metadata.json").read_text()
    words = [*list_options(QUICK), *SMALLER, "--seed", "3", "--format", "notebook"]
    ended = call(sources, "build.py", *words)
    assert ended.returncode == 0, ended.stderr
    assert (sources / "kernel-metadata.json").read_text() == before
    folder = sources / "build" / "notebook"
    metadata, tracked = (
        json.loads((folder / "kernel-metadata.json").read_text()),
        json.loads(before),
    )
    assert metadata == {**tracked, "kernel_type": "notebook", "code_file": "kernel.ipynb"}
    assert not (sources / "build" / "kernel.py").exists()
    notebook = nbformat.read(folder / "kernel.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_notebook_begins_with_an_introduction_and_config_alone(built: Any) -> None:
    first, second = built.cells[:2]
    assert first.cell_type == "markdown"
    for word in ("What", "Reads", "Writes", "Takes", "Change first", "Fork", "Edit", "Licence"):
        assert f"**{word}.** " in first.source
    assert second.cell_type == "code"
    config: dict[str, Any] = {}
    exec(second.source, config)
    assert (config["CONFIG"]["recipe"], config["CONFIG"]["seed"]) == (QUICK, 3)
    assert "import" not in second.source
    chapters = [cell.source for cell in built.cells if cell.source.startswith("## ")]
    assert chapters[0].startswith(f"## 1. The recipe {QUICK}\n\nA generator")
    assert chapters[-2:] == ["## Run it", "## What it made"]
    files = [cell.source for cell in built.cells if cell.source.startswith("%%writefile")]
    assert sum("/lib/kernel/" in source.split("\n")[0] for source in files) > 30
    headings = [cell.source for cell in built.cells if cell.source.startswith("###")]
    assert "### `lib/kernel/pipeline.py`" in headings


def test_notebook_shows_its_run_and_makes_what_the_script_does(
    sources: Path,
    shards: Path,
    built: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the seed edited in its second cell; a second run of the run cell finds it finished."""
    notebook = nbformat.from_dict(json.loads(json.dumps(built)))
    config, run, report = (notebook.cells[place] for place in (1, -3, -1))
    config.source = config.source.replace("'seed': 3", "'seed': 0")
    notebook.cells.append(nbformat.v4.new_code_cell(run.source))
    one = execute(notebook, tmp_path / "notebook", shards, monkeypatch)
    bundle = read_json(sources / "build" / "notebook" / "manifest.json")["sha256"]
    manifest = read_json(one / "run_manifest.json")
    assert (manifest["bundle_sha256"], manifest["config"]["seed"]) == (bundle, 0)
    assert not [name for name in manifest["artefacts"] if name.endswith(".py")]
    figures = [(one / name).read_bytes() for name in ("real.png", "generated.png", "nearest.png")]
    assert [base64.b64decode(png) for png in list_outputs(run, "image/png")] == figures
    curves = [shown for shown in list_outputs(run, "text/html") if "<svg" in shown]
    assert len(curves) == 1  # drawn anew in one place
    assert "Training of r3gan: step 6," in curves[0]
    (frame,) = list_outputs(report, "text/html")
    page = re.search(r'<iframe srcdoc="([^"]*)"', frame)
    assert page
    assert html.unescape(page[1]) == (one / "report.html").read_text()
    again = notebook.cells[-1].outputs
    assert "files are verified" in "".join(one.get("text", "") for one in again)

    rebuilt = call(sources, "build.py", *list_options(QUICK), *SMALLER)
    assert rebuilt.returncode == 0, rebuilt.stderr
    script = (sources / "build" / "kernel.py").read_text()
    assert "InlineViewer" not in script
    pasted = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(script)])
    two = execute(pasted, tmp_path / "cell", shards, monkeypatch)
    assert (one / "submission.csv").read_bytes() == (two / "submission.csv").read_bytes()
    bundle = read_json(sources / "build" / "manifest.json")["sha256"]
    assert read_json(two / "run_manifest.json")["bundle_sha256"] == bundle


def test_metadata_that_an_earlier_release_set_to_a_notebook_are_told_and_mended(
    sources: Path,
) -> None:
    path = sources / "kernel-metadata.json"
    before = path.read_text()
    earlier = {**json.loads(before), "kernel_type": "notebook", "code_file": "build/kernel.ipynb"}
    path.write_text(json.dumps(earlier))
    told = call(sources, "build.py", "--format", "notebook").stderr
    assert "names the script again" not in told
    assert json.loads(path.read_text()) == earlier
    told = call(sources, "build.py").stderr
    assert "kernel-metadata.json named a notebook; it names the script again" in told
    assert path.read_text() == before
    assert "names the script again" not in call(sources, "build.py").stderr
