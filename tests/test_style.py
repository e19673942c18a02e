"""The house rules that a machine can hold: sizes, arrows, one-way imports that do nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("lib/**/*.py"), ROOT / "build.py"])
LONGEST_MODULE, LONGEST_FUNCTION = 350, 40  # lines; more needs a line "Long because ..." on top
NAMES = [path.relative_to(ROOT).as_posix() for path in MODULES]


def list_imports(tree: ast.Module) -> set[str]:
    """A module -> dotted names of all that it imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_module_is_one_arrow_of_a_readable_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    described = (ast.get_docstring(tree) or "").splitlines()
    assert described, "no docstring"
    if path.name != "__init__.py":
        assert "->" in described[0], "the first line says what goes in and what comes out"
    if not any(line.startswith("Long because") for line in described):
        assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            reason = "Long because" in (ast.get_docstring(node) or "")
            assert length <= LONGEST_FUNCTION or reason, f"{node.name} has {length} lines"


def test_the_largest_modules_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = sorted(((len(path.read_text().splitlines()), name) for path, name in
                    zip(MODULES, NAMES, strict=True)), reverse=True)  # fmt: skip
    with capsys.disabled():
        print("\nlargest:", ", ".join(f"{name} {lines}" for lines, name in sizes[:5]))
    assert not any(name.endswith("utils.py") for name in NAMES)


@pytest.mark.parametrize("path", sorted(ROOT.glob("lib/kernel/**/*.py")), ids=str)
def test_what_ships_never_imports_what_stays(path: Path) -> None:
    names = list_imports(ast.parse(path.read_text(encoding="utf-8")))
    stay = {"lib.bundler", "lib.kaggle", "lib.synthetic", "lib.commands"}
    assert not {name for name in names if ".".join(name.split(".")[:2]) in stay or name == "build"}
    if path.name not in ("pipeline.py", "main.py"):
        assert "lib.kernel.pipeline" not in names


def test_importing_does_nothing(tmp_path: Path) -> None:
    names = [name[:-3].replace("/", ".").removesuffix(".__init__") for name in NAMES]
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import importlib
for name in {names!r}:
    importlib.import_module(name)
import logging, threading, torch
assert not torch.cuda.is_initialized()
assert not logging.getLogger().handlers
assert "kaggle" not in sys.modules
"""
    words = [sys.executable, "-B", "-c", program]
    ended = subprocess.run(
        words,
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
