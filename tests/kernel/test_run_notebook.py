"""The kernel where Kaggle may run it besides: as one cell, and built as a notebook of its own."""

import json
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from lib.base.files import read_json
from tests.local_runs import QUICK, call, copy_sources, list_options, write_input

SMALLER = ["--set", "samples=4", "--set", "pool=4", "--set", "sweep=false"]


def execute(notebook: Any, folder: Path, shards: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook run in an empty folder -> the kernel's output folder."""
    folder.mkdir()
    for name, value in (("KERNEL_INPUT", shards), ("KERNEL_OUTPUT", folder / "working")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TMPDIR", str(folder))
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    return folder / "working"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_sources(tmp_path_factory.mktemp("copy") / "sources")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_input(tmp_path_factory.mktemp("data") / "input")


def test_script_and_notebook_make_the_same_submission(
    sources: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (sources / "kernel-metadata.json").read_text()
    built = call(sources, "build.py", *list_options(QUICK), *SMALLER, "--format", "notebook")
    assert built.returncode == 0, built.stderr
    metadata = json.loads((sources / "kernel-metadata.json").read_text())
    assert metadata["kernel_type"] == "notebook"
    assert metadata["code_file"] == "build/kernel.ipynb"
    notebook = nbformat.read(sources / "build" / "kernel.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert sum("%%writefile" in cell and "lib/kernel/" in cell for cell in cells) > 30
    one = execute(notebook, tmp_path / "notebook", shards, monkeypatch)

    rebuilt = call(sources, "build.py", *list_options(QUICK), *SMALLER)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert (sources / "kernel-metadata.json").read_text() == before
    script = (sources / "build" / "kernel.py").read_text()
    pasted = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(script)])
    two = execute(pasted, tmp_path / "cell", shards, monkeypatch)
    assert (one / "submission.csv").read_bytes() == (two / "submission.csv").read_bytes()
    for output in (one, two):
        manifest = read_json(output / "run_manifest.json")
        assert manifest["bundle_sha256"] == read_json(sources / "build" / "manifest.json")["sha256"]
