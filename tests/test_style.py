"""The house rules that a machine can hold in one module: size, first line, functions."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("lib/**/*.py"), ROOT / "build.py"])
LONGEST_MODULE, LONGEST_FUNCTION = 350, 40  # lines; more needs a line "Long because ..." on top
NAMES = [path.relative_to(ROOT).as_posix() for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_module_is_one_idea_of_a_readable_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    described = (ast.get_docstring(tree) or "").splitlines()
    assert described, "no docstring"
    if path.name != "__init__.py":
        assert described[0][-1] in ".:", "the first line is a sentence"
    if not any(line.startswith("Long because") for line in described):
        assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            reason = "Long because" in (ast.get_docstring(node) or "")
            assert length <= LONGEST_FUNCTION or reason, f"{node.name} has {length} lines"


def test_no_docstring_begins_with_nothing() -> None:
    """A function of nothing is an action: "Write the report.", not "Nothing -> the report"."""
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and re.match(r"(nothing )?->", ast.get_docstring(node) or "", re.IGNORECASE)
    ]
    assert found == []


def test_the_largest_modules_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = sorted(((len(path.read_text().splitlines()), name) for path, name in
                    zip(MODULES, NAMES, strict=True)), reverse=True)  # fmt: skip
    with capsys.disabled():
        print("\nlargest:", ", ".join(f"{name} {lines}" for lines, name in sizes[:5]))
    assert not any(name.endswith("utils.py") for name in NAMES)
