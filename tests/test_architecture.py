"""The rooms of lib/ and who may import whom: arrows go down, none comes back, no room overflows.

`FLOORS` is the rule of docs/DESIGN.md, "Who imports whom"; there are no exceptions.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(ROOT.glob("lib/**/*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]
LONGEST_MODULE, LARGEST_FOLDER = 420, 25
FLOORS = (  # from the ground up; a room imports those below and, without a circle, its neighbours
    {"base"},
    {"bundler", "kaggle", "configuration", "device"},
    {"recipe"},
    {"report", "competition"},
    {"metrics", "synthetic"},
    {"sampling", "planning"},
    {"training", "curation"},
    {"recipes", "pipeline"},
    {"commands"},
)
# The modules at the top of lib/kernel, by room; every other room is a folder.
TOP = {
    "recipe": {"recipe"},
    "pipeline": {"main", "pipeline", "report_config", "run_steps", "side_by_side", "stages"},
}
ON_BASE_ALONE = {"bundler", "kaggle", "configuration", "device"}
KNOW_RECIPES = {"recipes", "commands"}
KNOW_COMPETITION = {"competition", "synthetic", "commands"}  # others know its contract alone
CONTRACT = "lib.kernel.competition.contract"
TABLES = ("lib.kernel.recipes.table", "lib.kernel.competition.table")  # neither ships
Arrow = tuple[str, str]  # dotted names of two modules: the first one imports the second


def list_imports(tree: ast.Module) -> set[str]:
    """A module -> dotted names of all that it imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, "imports name the whole path"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def find_arrows(root: Path) -> set[Arrow]:
    """All modules of a root's lib/ -> who imports whom; folders themselves are no modules."""
    modules = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in root.glob("lib/**/*.py")
        if path.name != "__init__.py"
    }
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules.items()}
    return {
        (name, imported)
        for name, tree in trees.items()
        for imported in list_imports(tree) & modules.keys()
    }


@cache
def read_arrows() -> set[Arrow]:
    return find_arrows(ROOT)


def name_room(module: str) -> str:
    """lib.kernel.metrics.fid -> metrics, lib.kernel.main -> pipeline, lib.kaggle.push -> kaggle."""
    parts = module.split(".")
    if parts[1] != "kernel":
        return parts[1]
    if len(parts) > 3:
        return parts[2]
    if any(parts[2] in rooms for rooms in FLOORS):  # a package that a name is imported from
        return parts[2]
    at_top = (room for room, names in TOP.items() if parts[2] in names)
    return next(at_top, f"none: {module}")


def find_floor(room: str) -> int:
    """A room -> the number of its floor, 0 for the ground."""
    floors = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert floors, f"{room}: name its floor in FLOORS, or its room in TOP"
    return floors[0]


def breaks_the_rule(arrow: Arrow) -> bool:
    source, target = (name_room(module) for module in arrow)
    if source == target:
        return False
    up = find_floor(target) > find_floor(source)
    past_base = source in ON_BASE_ALONE and target != "base"
    knows_recipes = target == "recipes" and source not in KNOW_RECIPES
    knows_competition = target == "competition" and source not in KNOW_COMPETITION
    knows_competition &= arrow[1] != CONTRACT and arrow != TABLES
    return up or past_base or knows_recipes or knows_competition


def test_arrows_go_down() -> None:
    assert sorted(arrow for arrow in read_arrows() if breaks_the_rule(arrow)) == []


def test_rooms_make_no_circle() -> None:
    """A room is never reached from itself through others."""
    arrows = {tuple(map(name_room, arrow)) for arrow in read_arrows()}
    below: dict[str, set[str]] = {}
    for source, target in arrows:
        if source != target:
            below.setdefault(source, set()).add(target)
    while below:
        floor = {room for rooms in below.values() for room in rooms} - below.keys()
        assert floor, f"a circle among {sorted(below)}"
        below = {source: rooms - floor for source, rooms in below.items() if rooms - floor}


FAMILIES = sorted(path.parent.name for path in ROOT.glob("lib/kernel/recipes/*/recipe.py"))


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "auto"])
def test_a_recipe_knows_no_other(family: str) -> None:
    """What families share lies in lib.kernel.training; `auto` alone knows several."""
    own = f"lib.kernel.recipes.{family}."
    others = {
        target
        for source, target in read_arrows()
        if source.startswith(own) and target.startswith("lib.kernel.recipes.")
    }
    assert {target for target in others if not target.startswith(own)} == set()


def test_no_folder_and_no_module_is_too_large() -> None:
    counts = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > LARGEST_FOLDER} == {}
    for folder in {path.parent for path in FILES}:
        described = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        assert len(re.findall(r"\.(?:\s|$)", described)) >= 2, f"{folder}: two sentences"
    sizes = {
        name: len(path.read_text().splitlines()) for name, path in zip(NAMES, FILES, strict=True)
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}


def test_what_ships_never_imports_what_stays() -> None:
    """Nor build.py; and only the start of a run knows the pipeline."""
    for name, path in zip(NAMES, FILES, strict=True):
        if name.startswith(("lib/base/", "lib/kernel/")):
            names = list_imports(ast.parse(path.read_text(encoding="utf-8")))
            ours = {one for one in names if one.split(".")[0] in ("lib", "build")}
            assert {one for one in ours if not one.startswith(("lib.base", "lib.kernel"))} == set()
            if path.stem not in ("pipeline", "main"):
                assert "lib.kernel.pipeline" not in names


def test_importing_does_nothing(tmp_path: Path) -> None:
    names = [name[:-3].replace("/", ".").removesuffix(".__init__") for name in [*NAMES, "build.py"]]
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
