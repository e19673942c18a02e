"""An expression -> the texts or paths that it may stand for, as far as the source alone tells."""

import ast
import posixpath
from dataclasses import replace

from lib.bundler.analysis.evaluate_texts import (
    MOST,
    MOST_STEPS,
    PARTS,
    UNKNOWN,
    TextEvaluator,
    unite,
)
from lib.bundler.analysis.names import dotted_name, last_name
from lib.bundler.analysis.path_texts import HOLE, MODULE, Text, call_method, find_parent, take_slice

_SAME = {"abspath", "realpath", "normpath", "fspath", "str", "expanduser", "as_posix", "resolve"}
_SAME |= {"absolute", "__fspath__", "normcase", "expandvars", "relpath"}
_SAME_ITEMS = {"sorted", "list", "tuple", "set", "frozenset", "reversed", "iter", "values", "keys"}
_PATHS = {"Path", "PurePath", "PosixPath", "PurePosixPath", "AnyPath"}
_ANCHORS = (
    *("__file__", "__path__", "sys.path", "argv", "getfile", "getsourcefile", "co_filename"),
    *("__spec__", "import path", "addsitedir", "import sys as", "find_spec"),
)
_LOADERS = (
    *("import_module", "__import__", "iter_modules", "walk_packages", "resolve_name", "chdir"),
    *('f"{__name__}.', "f'{__name__}.", "__name__ +", '"{__package__}', "__module__"),
)


def may_be_anchored(text: str | None) -> bool:
    """Tell whether a source has any of the words from which a path can be computed."""
    return text is None or any(word in text for word in _ANCHORS)


def is_worth_it(text: str | None) -> bool:
    """Tell whether a source has any of the words that make the evaluation worth its time."""
    return may_be_anchored(text) or any(word in (text or "") for word in _LOADERS)


class Evaluator(TextEvaluator):
    """Evaluates expressions of one module."""

    def __init__(
        self, tree: ast.Module, path: str, name: str, package: str, is_entry: bool = False
    ) -> None:
        self._own_file = Text(path, anchored=True)
        names = {"__file__": self._own_file, "__name__": Text(name), "__package__": Text(package)}
        names |= {"__spec__.parent": Text(package), "__spec__.name": Text(name)}
        super().__init__(tree, names)
        self._is_entry = is_entry

    def evaluate(self, node: ast.AST | None) -> Text | None:
        """An expression -> its Text, or None where the source does not tell it for sure."""
        found = self.evaluate_all(node)
        return found[0] if len(found) == 1 and found[0].is_known else None

    def evaluate_all(self, node: ast.AST | None) -> list[Text]:
        """An expression -> what it may stand for, with HOLE for what is not known."""
        self._steps = 0
        return self._all(node) if node is not None else []

    def evaluate_items(self, node: ast.expr) -> list[Text]:
        """An expression for a list -> what its items may be."""
        self._steps = 0
        return self._items(node)

    def resolve(self, node: ast.AST) -> str:
        """`osp.join` -> "os.path.join": a dotted name in which imported names are resolved."""
        head, dot, rest = dotted_name(node).partition(".")
        return self._values.modules.get(head, head) + dot + rest

    def list_anchored(self) -> dict[str, str]:
        """The names that stand for paths computed from __file__, and these paths."""
        found = {name: self.evaluate(ast.Name(name, ast.Load())) for name in self._values.names}
        found |= {
            name: self.evaluate(values[0])
            for name, values in self._values.results.items()
            if len(values) == 1
        }
        return {name: one.text for name, one in found.items() if one and one.anchored}

    def may_be_anchored(self, node: ast.AST) -> bool:
        """Tell whether an expression may stand for a path computed from __file__."""
        return any(one.anchored for one in self.evaluate_all(node))

    def _call(self, node: ast.Call) -> list[Text]:
        func, args = node.func, node.args
        dotted = self.resolve(func)
        name = dotted.rpartition(".")[2] or last_name(func)
        receiver = func.value if isinstance(func, ast.Attribute) else None
        if name in _PATHS and args:
            return [replace(one, is_path=True) for one in self._combine("join", args)]
        if name in _PATHS or name == "getcwd" or dotted.endswith("Path.cwd"):
            return [Text("", is_path=True)]
        if name == "join" and (dotted.endswith("path.join") or dotted == "join") and args:
            return self._combine("join", args)
        if name == "joinpath" and receiver is not None:
            return self._combine("join", [receiver, *args])
        if name in _SAME and (args or receiver is not None):
            return self._all(args[0] if args else receiver)  # type: ignore[arg-type]
        if name == "dirname" and args:
            return [find_parent(one) for one in self._all(args[0])]
        if name in ("getfile", "getsourcefile", "getabsfile") and args:
            return self._file_of(args[0])
        if name in self._values.results and not dotted.partition(".")[2]:
            return unite(self._all(one) for one in self._values.results[name])
        if name in ("get", "getenv", "setdefault", "pop") and args:
            return self._get(receiver, args)
        if name == "format" and receiver is not None:
            return self._format(receiver, node)
        if name == "join" and receiver is not None and len(args) == 1:
            return self._join_texts(receiver, args[0])
        if receiver is None and name not in ("split", "splitext", "basename"):
            return UNKNOWN
        texts = self._all(
            args[0] if dotted.startswith("os.path.") and args else receiver or args[0]
        )
        words = [self._all(one)[0].text if isinstance(one, ast.expr) else "" for one in args]
        found = [call_method(one, name, words) for one in texts]
        return [one for one in found if one is not None] or UNKNOWN

    def _get(self, receiver: ast.expr | None, args: list[ast.expr]) -> list[Text]:
        """`table.get(key, default)`, `os.environ.get(name, default)`."""
        found = [self._all(args[1])] if len(args) > 1 else []
        if receiver is not None and not self.resolve(receiver).startswith("os."):
            found.append(self._items(receiver))
            return unite(found) or UNKNOWN
        return unite([*found, UNKNOWN])

    def _file_of(self, node: ast.expr) -> list[Text]:
        """What `inspect.getfile` is given -> the file: this one, or that of an imported module."""
        if module := self._values.modules.get(dotted_name(node).partition(".")[0]):
            rest = dotted_name(node).partition(".")[2]
            return [Text(f"{MODULE}{'.'.join(filter(None, (module, rest)))}/__init__.py", True)]
        return [self._own_file]

    def _attribute(self, node: ast.Attribute) -> list[Text]:
        dotted, attr = self.resolve(node), node.attr
        if dotted in self._names:
            return [self._names[dotted]]
        if dotted in PARTS:
            return [Text(PARTS[dotted])]
        if attr in ("parent", "name", "stem", "suffix"):
            return [call_method(one, f".{attr}", []) or Text(HOLE) for one in self._all(node.value)]
        if attr == "__module__":
            return [self._names["__name__"]]
        if attr in ("co_filename", "filename") or dotted in ("__spec__.origin", "__loader__.path"):
            return [self._own_file] if attr != "filename" or "stack" in ast.dump(node) else UNKNOWN
        if attr in ("__file__", "origin"):
            owner = (
                node.value.value
                if attr == "origin" and isinstance(node.value, ast.Attribute)
                else node.value
            )
            if isinstance(owner, ast.Subscript):  # sys.modules[__name__]
                return [self._own_file]
            if dotted_name(owner).partition(".")[0] in self._values.modules:
                return self._file_of(owner)
        return self._stand_for(self._values.look_up_attribute(node))

    def _subscript(self, node: ast.Subscript) -> list[Text]:
        value, key = node.value, node.slice
        index = key.value if isinstance(key, ast.Constant) else None
        dotted = self.resolve(value)
        if isinstance(value, ast.Attribute) and value.attr == "parents" and isinstance(index, int):
            found = self._all(value.value)
            for _ in range(min(index, 20) + 1 if index >= 0 else 0):
                found = [find_parent(one) for one in found]
            return found
        if dotted.endswith(("__path__", "submodule_search_locations")):
            owner = value.value if isinstance(value, ast.Attribute) else None
            files = self._file_of(owner) if owner is not None else [self._own_file]
            return [find_parent(one) for one in files]
        if index == 0 and dotted in ("sys.path", "sys.argv") and self._is_entry:
            is_file = dotted == "sys.argv"
            own = self._own_file if is_file else find_parent(self._own_file)
            return [
                replace(own, text=posixpath.basename(own.text), anchored=False) if is_file else own
            ]
        if dotted == "inspect.stack" or "globals" in dotted_name(getattr(value, "func", None)):
            return [self._own_file] if index == "__file__" else UNKNOWN
        if isinstance(key, ast.Slice):
            return [take_slice(one, key) or Text(HOLE) for one in self._all(value)]
        if isinstance(value, ast.Call) and isinstance(index, int | type(None)):
            return self._part_of_call(value, index)
        if isinstance(value, ast.Call | ast.Name | ast.Attribute | ast.Dict | ast.List | ast.Tuple):
            return self._items(value, index if isinstance(index, int) else None) or UNKNOWN
        return UNKNOWN

    def _part_of_call(self, call: ast.Call, index: int | None) -> list[Text]:
        """`os.path.split(path)[0]`, `name.rsplit(".", 1)[0]`."""
        dotted, args = self.resolve(call.func), call.args
        name = dotted.rpartition(".")[2] or last_name(call.func)
        if isinstance(call.func, ast.Attribute) and not dotted.startswith("os.path."):
            texts = self._all(call.func.value)
        else:
            texts = self._all(args[0]) if args else []
            name, args = f"path.{name}", []
        words = [self._all(one)[0].text for one in args]
        found = [call_method(one, name, words, index) for one in texts]
        return [one or Text(HOLE) for one in found] or UNKNOWN

    def _items(self, node: ast.expr, index: int | None = None) -> list[Text]:
        """An expression for a list, table or folder -> what its items, or the one, may be."""
        known = self._known.get((id(node), index, True))
        if known:
            return known[1]
        self._steps += 1
        if self._steps > MOST_STEPS or id(node) in self._busy:
            self._cuts += 1
            return []
        self._busy.add(id(node))
        cuts = self._cuts
        try:
            found = self._look_at_items(node, index)
        finally:
            self._busy.discard(id(node))
        if cuts == self._cuts:
            self._known[id(node), index, True] = node, found
        return found

    def _look_at_items(self, node: ast.expr, index: int | None) -> list[Text]:
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            chosen = node.elts if index is None else node.elts[index : index + 1 or None]
            return unite(
                self._items(one.value) if isinstance(one, ast.Starred) else self._all(one)
                for one in chosen[:MOST]
            )
        if isinstance(node, ast.Dict):
            return unite(self._all(one) for one in node.values[:MOST])
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return self._all(node.elt)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return unite([self._items(node.left), self._items(node.right)])
        if isinstance(node, ast.Call):
            return self._items_of_call(node)
        dotted = self.resolve(node)
        if dotted.endswith("__path__"):
            owner = node.value if isinstance(node, ast.Attribute) else None
            return [
                find_parent(one) for one in (self._file_of(owner) if owner else [self._own_file])
            ]
        if isinstance(node, ast.Name | ast.Attribute):
            is_name = isinstance(node, ast.Name)
            look_up = self._values.look_up if is_name else self._values.look_up_attribute
            values = look_up(node)  # type: ignore[arg-type]
            return unite(
                self._items(one.node, index) if one.node and not one.is_item else []
                for one in values
            )
        return []

    def _items_of_call(self, node: ast.Call) -> list[Text]:
        name = self.resolve(node.func).rpartition(".")[2] or last_name(node.func)
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        first = node.args[0] if node.args else receiver
        if first is None:
            return []
        if name in _SAME_ITEMS:
            return self._items(first)
        if name == "map" and len(node.args) == 2:
            return self._items(node.args[1])
        if name in ("iterdir", "glob", "rglob", "iglob", "scandir", "listdir"):
            if name in ("glob", "rglob", "iglob") and (
                receiver is None or self.resolve(receiver) == "glob"
            ):
                return [replace(one, text=one.text.replace("*", HOLE)) for one in self._all(first)]
            if name == "listdir":
                return UNKNOWN
            folder = first if name == "scandir" else receiver
            return [one.join(Text(HOLE)) for one in self._all(folder)] if folder else []
        return []
