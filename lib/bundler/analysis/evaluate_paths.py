"""An expression -> the texts or paths that it may stand for, as far as the source alone tells."""

import ast
import posixpath
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice, product

from lib.bundler.analysis.assigned_values import Value, Values
from lib.bundler.analysis.path_texts import HOLE, MODULE, Text, call_method, find_parent, take_slice
from lib.bundler.analysis.names import dotted_name, last_name

_SAME = {"abspath", "realpath", "normpath", "fspath", "str", "expanduser", "as_posix", "resolve"}
_SAME |= {"absolute", "__fspath__", "normcase", "expandvars", "relpath"}
_SAME_ITEMS = {"sorted", "list", "tuple", "set", "frozenset", "reversed", "iter", "values", "keys"}
_PATHS = {"Path", "PurePath", "PosixPath", "PurePosixPath", "AnyPath"}
_WORDS = (
    *("__file__", "__path__", "sys.path", "argv", "import_module", "__import__", "getfile"),
    *("chdir", "iter_modules", "walk_packages", "addsitedir", "__name__", "__package__"),
    *("co_filename", "__spec__", "getsourcefile", "import path", "resolve_name", "__module__"),
    "find_spec",
    "import sys as",
)
_PARTS = {
    "os.sep": "/",
    "os.path.sep": "/",
    "os.curdir": ".",
    "os.pardir": "..",
    "os.extsep": ".",
    "os.pathsep": ":",
}
_MOST_STEPS = 2000  # of one evaluation
_MOST = 48  # texts that one expression may stand for
_UNKNOWN = [Text(HOLE)]


def may_hold_paths(text: str | None) -> bool:
    """Tell whether a source has any of the words that make the evaluation worth its time."""
    return text is None or any(word in text for word in _WORDS)


class Evaluator:
    """Evaluates expressions of one module."""

    def __init__(
        self, tree: ast.Module, path: str, name: str, package: str, is_entry: bool = False
    ) -> None:
        self._own_file = Text(path, anchored=True)
        self._names = {
            "__file__": self._own_file,
            "__name__": Text(name),
            "__package__": Text(package),
            "__spec__.parent": Text(package),
            "__spec__.name": Text(name),
        }
        self._is_entry = is_entry
        self._values = Values(tree)
        self._busy: set[int] = set()  # ids of the expressions that are being evaluated
        self._steps = 0
        self._tainted = self._find_tainted(tree)

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

    def has_taint(self, node: ast.AST) -> bool:
        """Tell whether an expression has something of __file__ in it."""
        return self._mentions(node, self._tainted)

    def _find_tainted(self, tree: ast.Module) -> frozenset[str]:
        """The names whose values have something of __file__ in them."""
        found: set[str] = set()
        pairs: list[tuple[list[ast.expr], ast.expr]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                pairs.append((node.targets, node.value))
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                pairs.append(([node.target], node.value))
            elif isinstance(node, ast.For):
                pairs.append(([node.target], node.iter))
        before = -1
        while before != len(found):
            before = len(found)
            for targets, value in pairs:
                if self._mentions(value, found):
                    found |= {
                        one.id for t in targets for one in ast.walk(t) if type(one) is ast.Name
                    }
        return frozenset(found)

    def _mentions(self, node: ast.AST, names: "set[str] | frozenset[str]") -> bool:
        return any(
            one.id == "__file__" or one.id in names
            for one in ast.walk(node)
            if isinstance(one, ast.Name)
        )

    def _all(self, node: ast.AST) -> list[Text]:
        self._steps += 1
        if self._steps > _MOST_STEPS or id(node) in self._busy or len(self._busy) > 200:
            return _UNKNOWN
        self._busy.add(id(node))
        try:
            return self._look_at(node)
        finally:
            self._busy.discard(id(node))

    def _look_at(self, node: ast.AST) -> list[Text]:
        if isinstance(node, ast.Constant):
            return [Text(node.value)] if isinstance(node.value, str) else _UNKNOWN
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.BinOp):
            return self._operate(node)
        if isinstance(node, ast.JoinedStr):
            return self._combine("add", node.values)
        if isinstance(node, ast.FormattedValue | ast.NamedExpr | ast.Starred | ast.Await):
            return self._all(node.value)
        if isinstance(node, ast.IfExp):
            return _unite([self._all(node.body), self._all(node.orelse)])
        return (
            _unite(self._all(one) for one in node.values)
            if isinstance(node, ast.BoolOp)
            else _UNKNOWN
        )

    def _name(self, node: ast.Name) -> list[Text]:
        if node.id in self._names:
            return [self._names[node.id]]
        resolved = self._values.modules.get(node.id, "")
        if resolved in _PARTS:
            return [Text(_PARTS[resolved])]
        return self._stand_for(self._values.look_up(node.id, getattr(node, "lineno", 1 << 30)))

    def _stand_for(self, values: list[Value]) -> list[Text]:
        found = []
        for value in values:
            if value.node is None:
                found.append(_UNKNOWN)
            elif value.is_item:
                found.append(self._items(value.node) or _UNKNOWN)
            elif id(value.node) not in self._busy:
                found.append(self._all(value.node))
        return _unite(found) or _UNKNOWN

    def _combine(self, how: str, nodes: Iterable[ast.AST]) -> list[Text]:
        """Join or add what the nodes stand for, in every way."""
        found = []
        parts = [self._all(node) for node in nodes]
        for texts in islice(product(*parts), _MOST):
            whole = texts[0] if texts else Text("")
            for text in texts[1:]:
                whole = whole.join(text) if how == "join" else whole.add(text)
            found.append(whole)
        return _unite([found])

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
            return _unite(self._all(one) for one in self._values.results[name])
        if name in ("get", "getenv", "setdefault", "pop") and args:
            return self._get(receiver, args)
        if name == "format" and receiver is not None:
            return self._format(receiver, node)
        if name == "join" and receiver is not None and len(args) == 1:
            return self._join_texts(receiver, args[0])
        if receiver is None and name not in ("split", "splitext", "basename"):
            return _UNKNOWN
        texts = self._all(
            args[0] if dotted.startswith("os.path.") and args else receiver or args[0]
        )
        words = [self._all(one)[0].text if isinstance(one, ast.expr) else "" for one in args]
        found = [call_method(one, name, words) for one in texts]
        return [one for one in found if one is not None] or _UNKNOWN

    def _get(self, receiver: ast.expr | None, args: list[ast.expr]) -> list[Text]:
        """`table.get(key, default)`, `os.environ.get(name, default)`."""
        found = [self._all(args[1])] if len(args) > 1 else []
        if receiver is not None and not self.resolve(receiver).startswith("os."):
            found.append(self._items(receiver))
            return _unite(found) or _UNKNOWN
        return _unite([*found, _UNKNOWN])

    def _format(self, receiver: ast.expr, node: ast.Call) -> list[Text]:
        """`"{}.{name}".format(a, name=b)` -> the text with its parts."""
        named = {one.arg: one.value for one in node.keywords}
        parts: list[ast.AST] = []
        pattern = self._all(receiver)[0].text
        numbered = iter(node.args)
        for piece in pattern.replace("{{", "").replace("}}", "").split("{"):
            field, closed, rest = piece.partition("}")
            if closed:
                key = field.partition(":")[0].partition("!")[0]
                value = named.get(key)
                if not key or key.isdigit():
                    value = (
                        node.args[int(key)]
                        if key and int(key) < len(node.args)
                        else next(numbered, None)
                    )
                parts.append(value if value is not None else ast.Constant(None))
            parts.append(ast.Constant(rest if closed else field))
        return self._combine("add", parts)

    def _join_texts(self, receiver: ast.expr, items: ast.expr) -> list[Text]:
        """`".".join(["a", b])`; `os.sep.join(__file__.split(os.sep)[:-1])` is a folder."""
        between = self._all(receiver)[0]
        if isinstance(items, ast.List | ast.Tuple):
            parts: list[ast.AST] = []
            for one in items.elts:
                parts += [ast.Constant(between.text), one] if parts else [one]
            return self._combine("add", parts)
        if isinstance(items, ast.Subscript) and isinstance(items.slice, ast.Slice):
            upper, split = items.slice.upper, items.value
            if isinstance(upper, ast.UnaryOp) and isinstance(upper.operand, ast.Constant):
                if isinstance(split, ast.Call) and isinstance(split.func, ast.Attribute):
                    found = self._all(split.func.value)
                    for _ in range(min(int(upper.operand.value), 9)):  # type: ignore[arg-type]
                        found = [
                            call_method(one, "rpartition", [between.text], 0) or Text(HOLE)
                            for one in found
                        ]
                    return found
        return _UNKNOWN

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
        if dotted in _PARTS:
            return [Text(_PARTS[dotted])]
        if attr in ("parent", "name", "stem", "suffix"):
            return [call_method(one, f".{attr}", []) or Text(HOLE) for one in self._all(node.value)]
        if attr == "__module__":
            return [self._names["__name__"]]
        if attr in ("co_filename", "filename") or dotted in ("__spec__.origin", "__loader__.path"):
            return [self._own_file] if attr != "filename" or "stack" in ast.dump(node) else _UNKNOWN
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
        line = getattr(node, "lineno", 1 << 30)
        values = self._values.look_up(f".{attr}", line)
        if (
            not values
            and isinstance(node.value, ast.Name)
            and node.value.id not in self._values.modules
        ):
            values = self._values.look_up(attr, line)  # of a class
        return self._stand_for(values)

    def _subscript(self, node: ast.Subscript) -> list[Text]:
        value, key = node.value, node.slice
        index = key.value if isinstance(key, ast.Constant) else None
        dotted = self.resolve(value)
        if isinstance(value, ast.Attribute) and value.attr == "parents" and isinstance(index, int):
            found = self._all(value.value)
            for _ in range(min(index, 20) + 1 if index >= 0 else 0):
                found = [find_parent(one) for one in found]
            return found
        if dotted.endswith("__path__") or dotted.endswith("submodule_search_locations"):
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
            return [self._own_file] if index == "__file__" else _UNKNOWN
        if isinstance(key, ast.Slice):
            return [take_slice(one, key) or Text(HOLE) for one in self._all(value)]
        if isinstance(value, ast.Call) and isinstance(index, int | type(None)):
            return self._part_of_call(value, index)
        if isinstance(value, ast.Call | ast.Name | ast.Attribute | ast.Dict | ast.List | ast.Tuple):
            return self._items(value, index if isinstance(index, int) else None) or _UNKNOWN
        return _UNKNOWN

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
        return [one or Text(HOLE) for one in found] or _UNKNOWN

    def _operate(self, node: ast.BinOp) -> list[Text]:
        if isinstance(node.op, ast.Mod):
            return self._percent(node)
        if not isinstance(node.op, ast.Div | ast.Add):
            return _UNKNOWN
        parts: list[ast.AST] = []  # a sum of a thousand terms is a tree a thousand deep
        inner: ast.expr = node
        while isinstance(inner, ast.BinOp) and type(inner.op) is type(node.op) and len(parts) < 50:
            parts.append(inner.right)
            inner = inner.left
        how = "join" if isinstance(node.op, ast.Div) else "add"
        return self._combine(how, [inner, *reversed(parts)]) if len(parts) < 50 else _UNKNOWN

    def _percent(self, node: ast.BinOp) -> list[Text]:
        """`"nets.%s" % kind`."""
        if not (isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)):
            return _UNKNOWN
        items = iter(node.right.elts if isinstance(node.right, ast.Tuple) else [node.right])
        parts: list[ast.AST] = []
        for number, piece in enumerate(node.left.value.split("%")):
            if number:
                parts.append(next(items, ast.Constant(None)))
            parts.append(ast.Constant(piece[1:] if number else piece))
        return self._combine("add", parts)

    def _items(self, node: ast.expr, index: int | None = None) -> list[Text]:
        """An expression for a list, table or folder -> what its items, or the one, may be."""
        self._steps += 1
        if self._steps > _MOST_STEPS or id(node) in self._busy:
            return []
        self._busy.add(id(node))
        try:
            return self._look_at_items(node, index)
        finally:
            self._busy.discard(id(node))

    def _look_at_items(self, node: ast.expr, index: int | None) -> list[Text]:
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            chosen = node.elts if index is None else node.elts[index : index + 1 or None]
            return _unite(
                self._items(one.value) if isinstance(one, ast.Starred) else self._all(one)
                for one in chosen[:_MOST]
            )
        if isinstance(node, ast.Dict):
            return _unite(self._all(one) for one in node.values[:_MOST])
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return self._all(node.elt)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _unite([self._items(node.left), self._items(node.right)])
        if isinstance(node, ast.Call):
            return self._items_of_call(node)
        dotted = self.resolve(node)
        if dotted.endswith("__path__"):
            owner = node.value if isinstance(node, ast.Attribute) else None
            return [
                find_parent(one) for one in (self._file_of(owner) if owner else [self._own_file])
            ]
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else f".{node.attr}"
            values = self._values.look_up(name, getattr(node, "lineno", 1 << 30))
            if not values and isinstance(node, ast.Attribute):
                values = self._values.look_up(node.attr, node.lineno)
            return _unite(
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
                return _UNKNOWN
            folder = first if name == "scandir" else receiver
            return [one.join(Text(HOLE)) for one in self._all(folder)] if folder else []
        return []


def _unite(found: Iterable[list[Text]]) -> list[Text]:
    """Lists of texts -> one without repetition."""
    return list(dict.fromkeys(text for one in found for text in one))[:_MOST]
