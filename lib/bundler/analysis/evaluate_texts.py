"""An expression of a module -> the texts that it may stand for: names, sums and templates."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import islice, product

from lib.bundler.analysis.assigned_values import Value, Values
from lib.bundler.analysis.path_texts import HOLE, Text, call_method

PARTS = {"os.sep": "/", "os.path.sep": "/", "os.curdir": ".", "os.pardir": ".."}
PARTS |= {"os.extsep": ".", "os.pathsep": ":"}
MOST_STEPS = 500  # of one evaluation
MOST = 24  # texts that one expression may stand for
UNKNOWN = [Text(HOLE)]


class TextEvaluator(ABC):
    """Evaluates expressions of one module; what its calls and attributes give, others know."""

    def __init__(self, tree: ast.Module, names: dict[str, Text]) -> None:
        """`names` are those that every module has, such as __name__."""
        self._names = names
        self._values = Values(tree)
        self._busy: set[int] = set()  # ids of the expressions that are being evaluated
        self._steps = 0
        self._cuts = 0  # times that an evaluation went no further
        self._known: dict[tuple[int, int | None, bool], tuple[ast.AST, list[Text]]] = {}

    @abstractmethod
    def _call(self, node: ast.Call) -> list[Text]: ...

    @abstractmethod
    def _attribute(self, node: ast.Attribute) -> list[Text]: ...

    @abstractmethod
    def _subscript(self, node: ast.Subscript) -> list[Text]: ...

    @abstractmethod
    def _items(self, node: ast.expr, index: int | None = None) -> list[Text]: ...

    def _all(self, node: ast.AST) -> list[Text]:
        known = self._known.get((id(node), None, False))
        if known:
            return known[1]
        self._steps += 1
        if self._steps > MOST_STEPS or id(node) in self._busy or len(self._busy) > 200:
            self._cuts += 1
            return UNKNOWN
        self._busy.add(id(node))
        cuts = self._cuts
        try:
            found = self._look_at(node)
        finally:
            self._busy.discard(id(node))
        if cuts == self._cuts:
            self._known[id(node), None, False] = node, found
        return found

    def _look_at(self, node: ast.AST) -> list[Text]:
        if isinstance(node, ast.Constant):
            return [Text(node.value)] if isinstance(node.value, str) else UNKNOWN
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
            return unite([self._all(node.body), self._all(node.orelse)])
        return (
            unite(self._all(one) for one in node.values)
            if isinstance(node, ast.BoolOp)
            else UNKNOWN
        )

    def _name(self, node: ast.Name) -> list[Text]:
        if node.id in self._names:
            return [self._names[node.id]]
        resolved = self._values.modules.get(node.id, "")
        if resolved in PARTS:
            return [Text(PARTS[resolved])]
        return self._stand_for(self._values.look_up(node))

    def _stand_for(self, values: list[Value]) -> list[Text]:
        found = []
        for value in values:
            if value.node is None:
                found.append(UNKNOWN)
            elif value.is_item:
                found.append(self._items(value.node) or UNKNOWN)
            elif id(value.node) not in self._busy:
                found.append(self._all(value.node))
            else:
                self._cuts += 1
        return unite(found) or UNKNOWN

    def _combine(self, how: str, nodes: Iterable[ast.AST]) -> list[Text]:
        """Join or add what the nodes stand for, in every way."""
        found = []
        parts = [self._all(node) for node in nodes]
        for texts in islice(product(*parts), MOST):
            whole = texts[0] if texts else Text("")
            for text in texts[1:]:
                whole = whole.join(text) if how == "join" else whole.add(text)
            found.append(whole)
        return unite([found])

    def _operate(self, node: ast.BinOp) -> list[Text]:
        if isinstance(node.op, ast.Mod):
            return self._percent(node)
        if not isinstance(node.op, ast.Div | ast.Add):
            return UNKNOWN
        parts: list[ast.AST] = []  # a sum of a thousand terms is a tree a thousand deep
        inner: ast.expr = node
        while isinstance(inner, ast.BinOp) and type(inner.op) is type(node.op) and len(parts) < 50:
            parts.append(inner.right)
            inner = inner.left
        how = "join" if isinstance(node.op, ast.Div) else "add"
        return self._combine(how, [inner, *reversed(parts)]) if len(parts) < 50 else UNKNOWN

    def _percent(self, node: ast.BinOp) -> list[Text]:
        """`"nets.%s" % kind`."""
        if not (isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)):
            return UNKNOWN
        items = iter(node.right.elts if isinstance(node.right, ast.Tuple) else [node.right])
        parts: list[ast.AST] = []
        for number, piece in enumerate(node.left.value.split("%")):
            if number:
                parts.append(next(items, ast.Constant(None)))
            parts.append(ast.Constant(piece[1:] if number else piece))
        return self._combine("add", parts)

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
        if not (isinstance(items, ast.Subscript) and isinstance(items.slice, ast.Slice)):
            return UNKNOWN
        upper, split = items.slice.upper, items.value
        count = upper.operand if isinstance(upper, ast.UnaryOp) else None
        is_split = isinstance(split, ast.Call) and isinstance(split.func, ast.Attribute)
        if is_split and isinstance(count, ast.Constant) and isinstance(count.value, int):
            found = self._all(split.func.value)  # type: ignore[attr-defined]
            for _ in range(min(count.value, 9)):
                found = [
                    call_method(one, "rpartition", [between.text], 0) or Text(HOLE) for one in found
                ]
            return found
        return UNKNOWN


def unite(found: Iterable[list[Text]]) -> list[Text]:
    """Lists of texts -> one without repetition."""
    return list(dict.fromkeys(text for one in found for text in one))[:MOST]
