"""An expression -> the text or the path that it stands for, as far as the source alone tells."""

import ast
import posixpath
from dataclasses import dataclass

from lib.bundler.analysis.walk_tree import dotted_name, last_name

_SAME = {"abspath", "realpath", "normpath", "fspath", "str", "expanduser", "as_posix", "resolve"}
_SAME |= {"absolute", "__fspath__", "normcase"}
_PATHS = {"Path", "PurePath", "PosixPath", "PurePosixPath", "AnyPath"}
_WORDS = (
    *("__file__", "__path__", "sys.path", "argv", "import_module", "__import__", "getfile"),
    *("chdir", "iter_modules", "walk_packages", "addsitedir"),
)
MODULE = "\0"  # begins the path of a module's folder, before it is known where that lies
_DEEP = 40  # steps from name to name; a longer chain is not followed


@dataclass(frozen=True)
class Text:
    """What an expression stands for."""

    text: str  # a plain text; a path from the root where `anchored`, which may begin with ".."
    anchored: bool = False  # it was computed from __file__ or the like
    is_path: bool = False  # it is no str but a Path

    def join(self, other: "Text") -> "Text":
        """Join two paths; where the second is absolute or anchored, it is the answer."""
        if other.anchored or other.text.startswith("/"):
            return Text(other.text, other.anchored, self.is_path)
        joined = posixpath.normpath(posixpath.join(self.text or ".", other.text or "."))
        return Text("" if joined == "." else joined, self.anchored, self.is_path)


def may_hold_paths(text: str | None) -> bool:
    """Tell whether a source has any of the words that make the evaluation worth its time."""
    return text is None or any(word in text for word in _WORDS)


class Evaluator:
    """Evaluates expressions of one module; names count where they are assigned exactly once."""

    def __init__(self, tree: ast.Module, path: str, name: str, package: str) -> None:
        self._known = {
            "__file__": Text(path, anchored=True),
            "__name__": Text(name),
            "__package__": Text(package),
        }
        self._values: dict[str, ast.expr | None] = {}  # None: assigned more than once
        self._modules: dict[str, str] = {}  # names of imported modules
        for node in ast.walk(tree):
            self._note(node)
        self.tainted = self._find_tainted(tree)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign | ast.For | ast.comprehension):
            self._assign(node.target, None)
        elif isinstance(node, ast.arg):
            self._values[node.arg] = None
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                self._modules[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self._modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        for one in ast.walk(target) if not isinstance(target, ast.Name) else [target]:
            if isinstance(one, ast.Name):
                plain = value if one is target and one.id not in self._values else None
                self._values[one.id] = plain

    def _find_tainted(self, tree: ast.Module) -> frozenset[str]:
        """The names whose values have something of __file__ in them."""
        found: set[str] = set()
        pairs = []
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
                    names = {
                        one.id for t in targets for one in ast.walk(t) if type(one) is ast.Name
                    }
                    found |= names
        return frozenset(found)

    def list_anchored(self) -> dict[str, str]:
        """The names that stand for paths computed from __file__, and these paths."""
        found = {name: self.evaluate(value) for name, value in self._values.items() if value}
        return {name: one.text for name, one in found.items() if one and one.anchored}

    def has_taint(self, node: ast.AST) -> bool:
        """Tell whether an expression has something of __file__ in it."""
        return self._mentions(node, self.tainted)

    def _mentions(self, node: ast.AST, names: "set[str] | frozenset[str]") -> bool:
        return any(
            one.id == "__file__" or one.id in names
            for one in ast.walk(node)
            if isinstance(one, ast.Name)
        )

    def evaluate(self, node: ast.AST | None, deep: int = 0) -> Text | None:
        """An expression -> its Text, or None where the source does not tell."""
        if deep > _DEEP:
            return None
        if isinstance(node, ast.Constant):
            return Text(node.value) if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            if node.id in self._known:
                return self._known[node.id]
            value = self._values.get(node.id)
            return self.evaluate(value, deep + 1) if value is not None else None
        if isinstance(node, ast.Call):
            return self._call(node, deep + 1)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, deep + 1)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, deep + 1)
        if isinstance(node, ast.BinOp):
            return self._operate(node, deep + 1)
        return self._format(node, deep + 1) if isinstance(node, ast.JoinedStr) else None

    def _call(self, node: ast.Call, deep: int) -> Text | None:
        name, args = last_name(node.func), node.args
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in _PATHS or (
            name == "join" and (receiver is None or dotted_name(receiver).endswith("path"))
        ):
            joined = self._join(args, deep) if args else Text("")
            return Text(joined.text, joined.anchored, name in _PATHS) if joined else None
        if name in _SAME:
            return self.evaluate(args[0] if args else receiver, deep)
        if name == "dirname" and args:
            return _parent(self.evaluate(args[0], deep))
        if name in ("getfile", "getsourcefile") and args:
            frame = isinstance(args[0], ast.Call) and last_name(args[0].func) == "currentframe"
            return self._known["__file__"] if frame else self._place_module(args[0])
        if name == "joinpath" and receiver is not None:
            return self._join([receiver, *args], deep)
        if name in ("with_name", "with_suffix", "with_stem") and receiver is not None and args:
            return self._rename(name, receiver, args[0], deep)
        return None

    def _join(self, nodes: list[ast.expr], deep: int) -> Text | None:
        found = self.evaluate(nodes[0], deep)
        for node in nodes[1:]:
            other = self.evaluate(node, deep)
            if found is None or other is None:
                return None
            found = found.join(other)
        return found

    def _rename(self, name: str, receiver: ast.expr, arg: ast.expr, deep: int) -> Text | None:
        path, new = self.evaluate(receiver, deep), self.evaluate(arg, deep)
        if path is None or new is None:
            return None
        folder, last = posixpath.split(path.text)
        stem, suffix = posixpath.splitext(last)
        last = {"with_name": new.text, "with_suffix": stem + new.text}.get(name, new.text + suffix)
        return Text(posixpath.join(folder, last), path.anchored, path.is_path)

    def _attribute(self, node: ast.Attribute, deep: int) -> Text | None:
        if node.attr == "parent":
            return _parent(self.evaluate(node.value, deep))
        return self._place_module(node.value) if node.attr == "__file__" else None

    def _place_module(self, node: ast.expr) -> Text | None:
        """An imported module -> its file, whose folder is not known yet."""
        head, _, rest = dotted_name(node).partition(".")
        if head not in self._modules:
            return None
        module = ".".join(filter(None, (self._modules[head], rest)))
        return Text(f"{MODULE}{module}/__init__.py", anchored=True)

    def _subscript(self, node: ast.Subscript, deep: int) -> Text | None:
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if last_name(node.value) == "parents" and isinstance(node.value, ast.Attribute):
            found = self.evaluate(node.value.value, deep)
            for _ in range(index + 1 if isinstance(index, int) and 0 <= index < _DEEP else 0):
                found = _parent(found)
            return found if isinstance(index, int) else None
        if last_name(node.value) == "__path__" and isinstance(node.value, ast.Name) and index == 0:
            return _parent(self._known["__file__"])
        is_split = isinstance(node.value, ast.Call) and last_name(node.value.func) == "split"
        if is_split and index == 0:
            call = node.value
            assert isinstance(call, ast.Call), "seen above"
            return _parent(self.evaluate(call.args[0], deep)) if call.args else None
        return None

    def _operate(self, node: ast.BinOp, deep: int) -> Text | None:
        left = self.evaluate(node.left, deep)
        right = self.evaluate(node.right, deep)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Div):
            return left.join(right)
        if isinstance(node.op, ast.Add) and not right.anchored:
            return _clean(Text(left.text + right.text, left.anchored, left.is_path))
        return None

    def _format(self, node: ast.JoinedStr, deep: int) -> Text | None:
        found = Text("")
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            text = self.evaluate(inner, deep)
            if text is None or (text.anchored and found.text):
                return None
            found = Text(found.text + text.text, found.anchored or text.anchored)
        return _clean(found)


def _clean(path: Text) -> Text:
    return Text("").join(path) if path.anchored else path


def _parent(path: Text | None) -> Text | None:
    """A path -> that of its folder; the root's own is "..", the next one "../.."."""
    if path is None:
        return None
    if path.text == "" or path.text.endswith(".."):
        above = posixpath.join(path.text, "..") if path.text else ".."
    else:
        above = posixpath.dirname(path.text)
    return Text(above, path.anchored, path.is_path)
