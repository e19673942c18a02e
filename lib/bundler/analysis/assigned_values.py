"""A module's syntax tree -> the expressions that each of its names may stand for."""

import ast
from dataclasses import dataclass

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Value:
    """One thing that a name may stand for."""

    node: ast.expr | None  # None: something that the source does not tell
    line: int
    is_item: bool = False  # it is one of the items of `node`, as in a loop
    at_top: bool = False  # a statement of the module's own, which runs once, always and in order


class Values:
    """All assignments, loops, arguments and results of one module, by name.

    A name is the same in every function; `self.x` goes by the name ".x".
    """

    def __init__(self, tree: ast.Module) -> None:
        self.modules: dict[str, str] = {}  # name -> the dotted name of what was imported
        self.results: dict[str, list[ast.expr]] = {}  # of functions
        self._values: dict[str, list[Value]] = {}
        self._arguments: dict[str, tuple[list[str], bool]] = {}  # function -> names, if a method's
        calls: list[ast.Call] = []
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                calls.append(node)
            else:
                self._note(node, id(node) in top)
        for call in calls:
            self._pass_arguments(call)

    @property
    def names(self) -> list[str]:
        """List the plain names that are assigned."""
        return [name for name in self._values if name[0] != "."]

    def look_up(self, name: str, line: int) -> list[Value]:
        """A name and where it is used -> what it may stand for there."""
        found = self._values.get(name, [])
        if len(found) > 1 and all(one.at_top for one in found):
            before = [one for one in found if one.line < line]
            return before[-1:] or found[:1]
        return found

    def _note(self, node: ast.AST, at_top: bool) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, at_top)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._assign(node.target, node.value, at_top)
        elif isinstance(node, ast.AugAssign):
            self._add(node.target, Value(None, node.lineno))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            self._add(node.target, Value(node.iter, node.iter.lineno, is_item=True))
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._add(node.optional_vars, Value(None, node.context_expr.lineno))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                self.modules[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self.modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, _FUNCTIONS):
            self._note_function(node)

    def _note_function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef") -> None:
        args = [*node.args.posonlyargs, *node.args.args]
        is_method = bool(args) and args[0].arg in ("self", "cls")
        names = [one.arg for one in args]
        self._arguments.setdefault(node.name, (names[is_method:], is_method))
        defaults = [*node.args.defaults, *(one for one in node.args.kw_defaults if one)]
        named = names[len(names) - len(node.args.defaults) :]
        named += [
            one.arg
            for one, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if value
        ]
        for name, default in zip(named, defaults, strict=True):
            self._append(name, Value(default, node.lineno))
        more = [*node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))]
        for arg in (*args, *more):
            self._append(arg.arg, Value(None, node.lineno))
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None:
                self.results.setdefault(node.name, []).append(inner.value)

    def _pass_arguments(self, call: ast.Call) -> None:
        """What a function of this module is called with -> values of its arguments."""
        func = call.func
        name = func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")
        if name not in self._arguments or not (call.args or call.keywords):
            return
        names, is_method = self._arguments[name]
        if isinstance(func, ast.Attribute) and not is_method:
            return
        given = list(zip(names, call.args, strict=False))
        given += [(one.arg, one.value) for one in call.keywords if one.arg in names]
        for argument, value in given:
            if isinstance(value, ast.Starred):
                return
            self._append(argument, Value(value, call.lineno))

    def _assign(self, target: ast.expr, value: ast.expr, at_top: bool) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for number, one in enumerate(target.elts):
                part: ast.expr
                if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                    part = value.elts[number]
                else:
                    part = ast.Subscript(value, ast.Constant(number), ast.Load())
                    ast.copy_location(part, value)
                self._add(one, Value(part, value.lineno, at_top=at_top))
        else:
            self._add(target, Value(value, value.lineno, at_top=at_top))

    def _add(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._append(target.id, value)
        elif isinstance(target, ast.Attribute):
            self._append(f".{target.attr}", value)
        elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
            for one in ast.walk(target):
                if isinstance(one, ast.Name):
                    self._append(one.id, Value(None, value.line))

    def _append(self, name: str, value: Value) -> None:
        self._values.setdefault(name, []).append(value)
