"""A module's syntax tree -> the expressions that each of its names may stand for."""

import ast
from dataclasses import dataclass

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MOST = 8  # values of one name; of a name with more, nothing is known
Scope = int  # the id of a function's node; 0: the module, with the bodies of its classes


@dataclass(frozen=True)
class Value:
    """One thing that a name may stand for."""

    node: ast.expr | None  # None: something that the source does not tell
    line: int
    is_item: bool = False  # it is one of the items of `node`, as in a loop
    at_top: bool = False  # a statement of the module's own, which runs once, always and in order


class Values:
    """All assignments, loops, arguments and results of one module, by name and function.

    `self.x` goes by the name ".x", the same in every class.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.modules: dict[str, str] = {}  # name -> the dotted name of what was imported
        self.results: dict[str, list[ast.expr]] = {}  # of functions
        self._values: dict[tuple[Scope, str], list[Value]] = {}
        self._scopes: dict[int, Scope] = {}  # id of a name in the tree -> the function around it
        self._above: dict[Scope, Scope] = {}
        self._functions: dict[str, tuple[Scope, list[str], bool]] = {}  # arguments, if a method's
        calls = self._read(tree)
        for call in calls:
            self._pass_arguments(call)

    @property
    def names(self) -> list[str]:
        """List the plain names that are assigned outside of functions."""
        return [name for scope, name in self._values if scope == 0 and name[0] != "."]

    def look_up(self, node: ast.Name) -> list[Value]:
        """A name where it is used -> what it may stand for there."""
        scope = self._scopes.get(id(node), 0)
        while scope and (scope, node.id) not in self._values:
            scope = self._above[scope]
        return self._choose(scope, node.id, getattr(node, "lineno", 1 << 30))

    def look_up_attribute(self, node: ast.Attribute) -> list[Value]:
        """`self.root` or `Config.ROOT` -> what it may stand for."""
        line = getattr(node, "lineno", 1 << 30)
        found = self._choose(0, f".{node.attr}", line)
        owner = node.value
        is_class = isinstance(owner, ast.Name) and owner.id not in self.modules
        return found or (self._choose(0, node.attr, line) if is_class else [])

    def _choose(self, scope: Scope, name: str, line: int) -> list[Value]:
        found = self._values.get((scope, name), [])
        if len(found) > 1 and all(one.at_top for one in found):
            before = [one for one in found if one.line < line]
            return before[-1:] or found[:1]
        return found if len(found) <= _MOST else [Value(None, 0)]

    def _read(self, tree: ast.Module) -> list[ast.Call]:
        """Note all of the tree; give the calls in it."""
        calls = []
        top = {id(node) for node in tree.body}
        stack: list[tuple[ast.AST, Scope]] = [(node, 0) for node in reversed(tree.body)]
        while stack:
            node, scope = stack.pop()
            kind = type(node)
            if kind is ast.Name:
                self._scopes[id(node)] = scope
                continue
            if kind is ast.Call:
                calls.append(node)
            elif kind in _FUNCTIONS:
                self._above[id(node)] = scope
                self._note_function(node, scope)  # type: ignore[arg-type]
                scope = id(node)
            else:
                self._note(node, scope, id(node) in top)
            children = list(ast.iter_child_nodes(node))
            stack += [(child, scope) for child in reversed(children)]
        return calls  # type: ignore[return-value]

    def _note(self, node: ast.AST, scope: Scope, at_top: bool) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(scope, target, node.value, at_top)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._assign(scope, node.target, node.value, at_top)
        elif isinstance(node, ast.AugAssign):
            self._add(scope, node.target, Value(None, node.lineno))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            self._add(scope, node.target, Value(node.iter, node.iter.lineno, is_item=True))
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._add(scope, node.optional_vars, Value(None, node.context_expr.lineno))
        elif isinstance(node, ast.Return) and node.value is not None:
            name = next((n for n, (own, _, _) in self._functions.items() if own == scope), "")
            self.results.setdefault(name, []).append(node.value)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                self.modules[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self.modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _note_function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef", outer: Scope) -> None:
        args, scope = [*node.args.posonlyargs, *node.args.args], id(node)
        is_method = bool(args) and args[0].arg in ("self", "cls")
        names = [one.arg for one in args]
        self._functions[node.name] = (scope, names[is_method:], is_method)
        values = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        keyed = [(one.arg, value) for one, value in values if value is not None]
        named = list(zip(reversed(names), reversed(node.args.defaults), strict=False))
        for name, default in (*named, *keyed):
            self._append(scope, name, Value(default, node.lineno))
        more = [*node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))]
        for arg in (*args, *more):
            self._append(scope, arg.arg, Value(None, node.lineno))

    def _pass_arguments(self, call: ast.Call) -> None:
        """What a function of this module is called with -> values of its arguments."""
        func = call.func
        name = func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")
        if name not in self._functions or not (call.args or call.keywords):
            return
        scope, names, is_method = self._functions[name]
        if isinstance(func, ast.Attribute) and not is_method:
            return
        given = list(zip(names, call.args, strict=False))
        given += [(one.arg, one.value) for one in call.keywords if one.arg in names]
        if not any(isinstance(value, ast.Starred) for _, value in given):
            for argument, value in given:
                self._append(scope, argument, Value(value, call.lineno))

    def _assign(self, scope: Scope, target: ast.expr, value: ast.expr, at_top: bool) -> None:
        if not isinstance(target, ast.Tuple | ast.List):
            self._add(scope, target, Value(value, value.lineno, at_top=at_top))
            return
        for number, one in enumerate(target.elts):
            part: ast.expr
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                part = value.elts[number]
            else:
                part = ast.Subscript(value, ast.Constant(number), ast.Load())
                ast.copy_location(part, value)
            self._add(scope, one, Value(part, value.lineno, at_top=at_top))

    def _add(self, scope: Scope, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._append(scope, target.id, value)
        elif isinstance(target, ast.Attribute):
            self._append(0, f".{target.attr}", value)
        elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
            for one in ast.walk(target):
                if isinstance(one, ast.Name):
                    self._append(scope, one.id, Value(None, value.line))

    def _append(self, scope: Scope, name: str, value: Value) -> None:
        self._values.setdefault((scope, name), []).append(value)
