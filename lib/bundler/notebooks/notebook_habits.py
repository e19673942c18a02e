"""A notebook's cells -> what they do in a notebook alone: values shown, names that only it has."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lib.bundler.notebooks.ipython_lines import find_command
from lib.bundler.notebooks.read_cells import Cell

# Calls whose value is None, or that are made for what they do.
_QUIET_CALLS = """
print pprint main exec help setattr delattr exit quit breakpoint display
show append extend insert sort reverse update clear remove close add put
write writelines writerow writerows flush mkdir makedirs rmdir rmtree unlink chdir copy2
seed set_seed seed_everything manual_seed manual_seed_all shuffle collect sleep
simplefilter filterwarnings basicConfig setLevel debug info warning error critical exception
tight_layout savefig set_theme set_style set_option set_printoptions empty_cache
to_csv to_parquet to_pickle to_json save dump save_pretrained save_model
backward step zero_grad start join register print_exc print_stack
"""
_QUIET = frozenset(_QUIET_CALLS.split())
_FIGURES = ("matplotlib", "seaborn", "plotly", "bokeh", "altair")
_SAVING = {"savefig", "write_image", "write_html", "imsave"}
_NOTEBOOK_MODULES = {
    "ipywidgets": "write the values into the script",
    "tqdm.notebook": "import tqdm.auto instead",
    "tqdm.autonotebook": "import tqdm.auto instead",
    "google.colab": "remove it",
}
_IPYTHON_CALLS = {"run_line_magic", "run_cell_magic", "magic", "system", "getoutput", "run_cell"}
_SHOW = "print it, or end the line with ;"
_NAMES = {
    "get_ipython": ("is defined in a notebook alone", "remove it, or catch NameError"),
    "In": ("holds a notebook's inputs, a script has none", "remove it"),
    "Out": ("holds a notebook's outputs, a script has none", "give the value a name"),
    "_": ("is the last value in a notebook alone", "give the value a name"),
}


@dataclass(frozen=True)
class CodeCell:
    """A cell with its syntax tree."""

    cell: Cell
    tree: ast.Module


@dataclass(frozen=True)
class Habit:
    """What one line of a cell does in a notebook alone."""

    cell: int
    line: int
    what: str
    cure: str


def needs_display(cells: Sequence[CodeCell]) -> bool:
    """Tell whether the cells call `display` without importing it."""
    return bool(_find_uses(cells, "display")) and "display" not in _find_bound(cells)


def find_commands(cells: Sequence[CodeCell]) -> Iterator[Habit]:
    """Find IPython's commands that Python can read: `cd /data`, `get_ipython().system("ls")`."""
    bound = _find_bound(cells)
    uses = set(_find_uses(cells, "get_ipython"))
    for number, node in ((one.cell.number, node) for one in cells for node in ast.walk(one.tree)):
        if isinstance(node, ast.Attribute) and node.attr in _IPYTHON_CALLS:
            if (number, node.value.lineno) in uses and isinstance(node.value, ast.Call):
                cure = "write what it does in Python, or remove it"
                yield Habit(number, node.lineno, "IPython's commands are no Python", cure)
        elif isinstance(node, ast.Expr):
            first = node.value
            while isinstance(first, ast.BinOp):
                first = first.left
            name = first.id if isinstance(first, ast.Name) else ""
            if name not in bound and (cure := find_command(name)):
                yield Habit(number, node.lineno, f"`{name}` is IPython's, no Python", cure)


def find_habits(cells: Sequence[CodeCell]) -> list[Habit]:
    """Cells -> what a script of them will do otherwise, from the top."""
    found = [*_find_shown(cells), *_find_names(cells), *_find_modules(cells)]
    found += _find_displays(cells) if needs_display(cells) else []
    said = "an error does not end the run in a notebook, by the tag raises-exception"
    cure = "catch it with try / except"
    found += [Habit(one.cell.number, 1, said, cure) for one in cells if one.cell.may_fail]
    return sorted(found, key=lambda one: (one.cell, one.line))


def _find_shown(cells: Sequence[CodeCell]) -> Iterator[Habit]:
    """Find the expressions at the ends of cells, whose values a notebook shows."""
    functions = {
        node.name: _returns_value(node)
        for one in cells
        for node in one.tree.body
        if isinstance(node, ast.FunctionDef)
    }
    for one in cells:
        last = one.tree.body[-1] if one.tree.body else None
        if not isinstance(last, ast.Expr) or _ends_quietly(one.cell.text, last):
            continue
        if _has_value(last.value, functions):
            said = "a notebook shows this line's value, a script does not"
            yield Habit(one.cell.number, last.lineno, said, _SHOW)


def _ends_quietly(text: str, last: ast.Expr) -> bool:
    """Tell whether a semicolon stands behind the last expression, so that nothing is shown."""
    line = text.split("\n")[(last.end_lineno or last.lineno) - 1]
    return line.encode()[last.end_col_offset or 0 :].lstrip().startswith(b";")


def _returns_value(function: ast.FunctionDef) -> bool:
    """Tell whether a call of a function may have another value than None."""
    waiting: list[ast.AST] = [*function.decorator_list, *function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return) and not _is_none(node.value):
            return True
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _has_value(node: ast.expr, functions: dict[str, bool]) -> bool:
    """Tell whether an expression's value may be something that a notebook shows."""
    if isinstance(node, ast.IfExp):
        return _has_value(node.body, functions) or _has_value(node.orelse, functions)
    if isinstance(node, ast.Call):
        name = _called_name(node)
        is_own = isinstance(node.func, ast.Name) and name in functions
        return functions[name] if is_own else name not in _QUIET
    return not _is_none(node)


def _find_names(cells: Sequence[CodeCell]) -> Iterator[Habit]:
    """Find the first use of each name that IPython defines."""
    bound = _find_bound(cells)
    for name, (said, cure) in _NAMES.items():
        uses = [] if name in bound else _find_uses(cells, name)
        for number, line in uses[:1]:
            yield Habit(number, line, f"{name} {said}", cure)


def _find_displays(cells: Sequence[CodeCell]) -> Iterator[Habit]:
    for number, line in _find_uses(cells, "display")[:1]:
        said = "display shows a table or a picture in a notebook, a script prints its repr"
        yield Habit(number, line, said, "print or save what is wanted, or import IPython.display")


def _find_modules(cells: Sequence[CodeCell]) -> Iterator[Habit]:
    """Find imports of what works in a notebook alone, and of figures that are never saved."""
    nodes = [(one.cell.number, node) for one in cells for node in ast.walk(one.tree)]
    saved = any(isinstance(node, ast.Attribute) and node.attr in _SAVING for _, node in nodes)
    for number, node in nodes:
        names = _imported_names(node)
        line = getattr(node, "lineno", 1)
        for module, cure in _NOTEBOOK_MODULES.items():
            if any(name == module or name.startswith(f"{module}.") for name in names):
                yield Habit(number, line, f"{module} works in a notebook alone", cure)
        if not saved and any(name.partition(".")[0] in _FIGURES for name in names):
            said = "a notebook shows figures, a script opens windows for them, if anything"
            yield Habit(number, line, said, "save them by savefig")
            saved = True


def _imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _find_uses(cells: Sequence[CodeCell], name: str) -> list[tuple[int, int]]:
    """(cells, a name) -> (cell, line) of each place that reads it, but where its absence is caught.

    It is caught by `except NameError`, or a wider one.
    """
    found = []
    for one in cells:
        waiting: list[ast.AST] = [one.tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                found.append((one.cell.number, node.lineno))
            caught = isinstance(node, ast.Try) and any(map(_catches_name_error, node.handlers))
            below = ast.iter_child_nodes(node)
            body = node.body if caught and isinstance(node, ast.Try) else []
            waiting += [child for child in below if child not in body]
    return sorted(found)


def _catches_name_error(handler: ast.ExceptHandler) -> bool:
    names = {node.id for node in ast.walk(handler.type or handler) if isinstance(node, ast.Name)}
    return handler.type is None or bool(names & {"NameError", "Exception", "BaseException"})


def _find_bound(cells: Sequence[CodeCell]) -> set[str]:
    """Cells -> the names that they assign, import or define anywhere."""
    bound: set[str] = set()
    for node in (node for one in cells for node in ast.walk(one.tree)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("IPython"):
            bound |= {"display", "get_ipython"} if node.names[0].name == "*" else set()
    return bound
