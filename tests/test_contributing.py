"""docs/CONTRIBUTING.md: its recipe and metric are added to a copy and run."""

import json
import re
from pathlib import Path

import pytest

from tests.local_runs import ROOT, call, copy_sources, write_input

TEXT = (ROOT / "docs" / "CONTRIBUTING.md").read_text(encoding="utf-8")
SMALL = ["--weights", "random", "--set", "samples=12", "--set", "floor_draws=2"]


def find_block(first_words: str) -> str:
    """The code block that begins so."""
    (found,) = re.findall(
        rf"```(?:python|text)\n(\s*{re.escape(first_words)}.*?)```", TEXT, re.DOTALL
    )
    return found


def insert(path: Path, before: str, text: str) -> None:
    whole = path.read_text(encoding="utf-8")
    assert whole.count(before) == 1, f"{before!r} in {path.name}"
    path.write_text(whole.replace(before, text + before), encoding="utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with all that the page adds."""
    tree = copy_sources(tmp_path_factory.mktemp("tree") / "tree")
    toy = tree / "lib" / "kernel" / "recipes" / "toy"
    toy.mkdir()
    heads = {
        toy / "__init__.py": '"""A toy',
        toy / "preset.py": '"""The preset of recipe toy',
        toy / "recipe.py": '"""Recipe toy',
    }
    for path, head in heads.items():
        assert f"`{path.relative_to(tree).as_posix()}`" in TEXT
        path.write_text(find_block(head), encoding="utf-8")
    table = tree / "lib" / "kernel" / "recipes" / "table.py"
    insert(table, "    )\n}\n", find_block("Row(TOY_PRESET"))
    insert(table, "\n\n@dataclass", "from lib.kernel.recipes.toy.preset import TOY_PRESET\n")
    metrics = tree / "lib" / "kernel" / "metrics" / "extra_metrics.py"
    insert(metrics, "# Each gives what", find_block("def _find_brightness") + "\n\n")
    insert(metrics, "    _find_kid,\n", find_block("_find_brightness,"))
    report = tree / "lib" / "kernel" / "report" / "tiles.py"
    insert(report, '        ("floor", "Real-real floor"', find_block('("brightness"'))
    return tree


def test_a_recipe_is_a_folder_and_a_row_and_a_metric_a_line(tree: Path, tmp_path: Path) -> None:
    source, output = write_input(tmp_path / "input"), tmp_path / "output"
    words = ["run", "--input", str(source), "--output", str(output), "--recipe", "toy", *SMALL]
    ended = call(tree, "build.py", *words, "--set", "steps=20", "--set", "pool=16")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len((output / "submission.csv").read_text().splitlines()) == 13
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["recipe"], metrics["steps"], metrics["curated"]) == ("toy", 20, True)
    assert 0.0 < metrics["details"]["brightness"] < 1.0
    report = (output / "report.html").read_text()
    assert '<span class="soft">Brightness</span>' in report
