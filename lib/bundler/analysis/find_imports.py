"""A module's syntax tree -> what it says of other modules and of files, in source order."""

import ast
import re
from functools import partial

from lib.bundler.analysis.code_texts import list_imports_in_text
from lib.bundler.analysis.evaluate_paths import Evaluator, may_hold_paths
from lib.bundler.analysis.find_files import FileFinder
from lib.bundler.analysis.findings import Family, Findings, Import, Mention
from lib.bundler.analysis.path_texts import HOLE, Text
from lib.bundler.analysis.names import When, dotted_name, last_name
from lib.bundler.analysis.walk_tree import walk_tree

_DYNAMIC = {"import_module", "__import__", "run_module", "resolve_name", "locate", "find_spec"}
_SCANS = {"iter_modules", "walk_packages"}
_LAZY = {"attach", "attach_stub", "lazy_attach", "_LazyModule", "LazyModule"}
_FROM_OUTSIDE = {"argv", "input"}
_MENTION = re.compile(r"\.*[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d][\w.]*)?")
_INLINE = re.compile(r"-c\s+(?:\"([^\"]*)\"|'[^']*')")
_COMMAND = re.compile(r"(?:^|\s)-m[\s,\"']+([^\W\d][\w.]*)")


def find_imports(
    tree: ast.Module, package: str, is_entry: bool, path: str = "", text: str | None = None
) -> Findings:
    """(tree, dotted package that relative imports start from, ...) -> Findings.

    `path` is the module's own, from the root; `text` its source, by which much can be passed over.
    """
    finder = _Finder(tree, package, is_entry, path, text)
    finder.find()
    return finder.findings


def resolve_relative(package: str, level: int, module: str | None) -> str | None:
    """(package, dots, name) -> the absolute name; None where the dots lead above the top."""
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base)


class _Finder:
    def __init__(
        self, tree: ast.Module, package: str, is_entry: bool, path: str, text: str | None
    ) -> None:
        self.findings = Findings()
        self._tree = tree
        self._package = package
        self._is_entry = is_entry
        self._text = text
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self._evaluator: Evaluator | None = None
        self._make = partial(Evaluator, tree, path, name, package, is_entry)
        if may_hold_paths(text):
            self._make_evaluator()
        self._files = FileFinder(
            self.findings, self._evaluator, self._make_evaluator, is_entry, path
        )
        self._is_lazy = text is None or "__getattr__" in text or any(one in text for one in _LAZY)
        self._docstrings: set[int] = set()
        self._aliases: dict[str, str] = {}

    def _make_evaluator(self) -> Evaluator:
        self._evaluator = self._evaluator or self._make()
        return self._evaluator

    def find(self) -> None:
        for node, when in walk_tree(self._tree, self._is_entry):
            kind = type(node)
            if kind is ast.Import:
                self._add_import(node, when)  # type: ignore[arg-type]
            elif kind is ast.ImportFrom:
                self._add_from(node, when)  # type: ignore[arg-type]
            elif kind is ast.Call:
                self._see_call(node, when)  # type: ignore[arg-type]
            elif kind is ast.Constant:
                self._see_constant(node)  # type: ignore[arg-type]
            elif kind is ast.Expr and isinstance(node.value, ast.Constant):  # type: ignore[attr-defined]
                self._docstrings.add(id(node.value))  # type: ignore[attr-defined]
            elif kind is ast.JoinedStr or kind is ast.BinOp:
                self._see_computed(node)  # type: ignore[arg-type]
            elif kind is ast.arg or kind is ast.AnnAssign:
                self._pass_over(node.annotation)  # type: ignore[attr-defined]
            elif kind is ast.Compare:
                self._see_comparison(node)  # type: ignore[arg-type]
            elif kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                self._pass_over(node.returns)  # type: ignore[attr-defined]
            elif kind is ast.List or kind is ast.Tuple:
                self._see_list(node.elts)  # type: ignore[attr-defined]
            self._files.see(node, when)
        self._files.finish()

    def _pass_over(self, annotation: ast.expr | None) -> None:
        """What stands in an annotation is for type checkers."""
        if annotation is not None:
            self._docstrings |= {id(one) for one in ast.walk(annotation)}

    def _see_comparison(self, node: ast.Compare) -> None:
        """A name that is only looked up, as in `"a.b" in sys.modules`, is not to be imported."""
        sides = [node.left, *node.comparators]
        if any(dotted_name(side) in ("sys.modules", "__name__") for side in sides):
            self._docstrings |= {id(side) for side in sides}

    def _add_import(self, node: ast.Import, when: When) -> None:
        for alias in node.names:
            self._aliases[alias.asname or alias.name.partition(".")[0]] = alias.name
            self.findings.imports.append(Import(alias.name, (), node.lineno, when))

    def _add_from(self, node: ast.ImportFrom, when: When) -> None:
        module = node.module
        if node.level:
            module = resolve_relative(self._package, node.level, node.module)
        names = tuple(alias.name for alias in node.names)
        for alias in node.names:
            self._aliases[alias.asname or alias.name] = f"{module}.{alias.name}"
        if when != "typing" or module:
            self.findings.imports.append(Import(module or "", names, node.lineno, when))

    def _see_call(self, node: ast.Call, when: When) -> None:
        name = last_name(node.func)
        if isinstance(node.func, ast.Name):  # from importlib import import_module as load
            name = self._aliases.get(name, name).rpartition(".")[2]
        if name in _DYNAMIC and node.args:
            self._add_call(node, name, when)
        elif name == "format" and isinstance(node.func, ast.Attribute):
            self._see_computed(node.func.value)
        elif name == "join" and isinstance(node.func, ast.Attribute):
            self._see_joined(node.func.value, node)
        elif name in ("exec", "eval") and node.args:
            self._see_code(node.args[0])
        elif name.startswith(("create_subprocess", "spawn", "exec")):
            self._see_list(node.args)
        elif name in ("system", "popen", "getoutput", "create_subprocess_shell") and node.args:
            for found in _INLINE.findall(self._start_of(node.args[0], "python")):
                self._see_code(ast.copy_location(ast.Constant(found), node))
        elif name in _SCANS:
            self._add_scan(node)

    def _add_call(self, node: ast.Call, name: str, when: When) -> None:
        """Keep the module of a call such as import_module(".b", __package__) or __import__("a")."""
        rank: When = "later" if when in ("load", "maybe") else when
        texts = self._texts_of(node.args[0])
        for text in texts:
            target = self._resolve_text(text.text.partition(":")[0], node)
            if not text.is_known:
                has_usual = any(one.is_known for one in texts)
                self._add_computed(node, name, target, has_usual)
            elif not target:
                continue
            elif name == "find_spec":
                self.findings.imports.append(Import(target, (), node.lineno, "optional"))
            elif name in ("run_module", "locate") or len(texts) > 1:
                self.findings.mentions.append(Mention(target, node.lineno, alone=True))
            else:
                names = self._list_of_names(node) if name == "__import__" else ()
                self.findings.imports.append(Import(target, names, node.lineno, rank))

    def _add_computed(self, node: ast.Call, name: str, target: str, has_usual: bool) -> None:
        """Keep what a computed name begins with, or that nothing is known of it."""
        start = target.partition(HOLE)[0]
        if re.fullmatch(r"[^\W\d][\w.]*", start) and name != "find_spec":
            self.findings.families.append(Family(target.replace(HOLE, "*"), node.lineno))
        elif name not in ("locate", "find_spec"):
            names = {last_name(one) for one in ast.walk(node.args[0])}
            is_from_outside = bool(names & _FROM_OUTSIDE) and not has_usual
            self.findings.unfollowed.append((node.lineno, is_from_outside))

    def _list_of_names(self, node: ast.Call) -> tuple[str, ...]:
        """`__import__("a", fromlist=["b"])` -> ("b",)."""
        given = [*node.args[3:4], *(k.value for k in node.keywords if k.arg == "fromlist")]
        if not given or self._evaluator is None:
            return ()
        return tuple(
            one.text for one in self._evaluator.evaluate_items(given[0]) if one.text.isidentifier()
        )

    def _resolve_text(self, target: str, node: ast.Call) -> str:
        dots = len(target) - len(target.lstrip("."))
        if not dots:
            return target
        anchor = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "package")]
        package = (self._text_of(anchor[0]) if anchor else None) or self._package
        return resolve_relative(package, dots, target.lstrip(".") or None) or ""

    def _texts_of(self, node: ast.expr) -> list[Text]:
        if isinstance(node, ast.Constant):
            return [Text(node.value)] if isinstance(node.value, str) else []
        found = self._evaluator.evaluate_all(node) if self._evaluator else [Text(HOLE)]
        return [one for one in found if not one.is_path and not one.anchored]

    def _text_of(self, node: ast.expr) -> str | None:
        found = self._texts_of(node)
        return found[0].text if len(found) == 1 and found[0].is_known else None

    def _see_joined(self, dot: ast.expr, node: ast.Call) -> None:
        """`".".join(["models", name])` begins with a package's name."""
        first = node.args[0] if node.args else None
        parts = first.elts if isinstance(first, ast.List | ast.Tuple) else []
        start = self._text_of(parts[0]) if parts else None
        if isinstance(dot, ast.Constant) and dot.value == "." and start:
            self._add_family(f"{start}.", node.lineno)

    def _see_code(self, node: ast.expr) -> None:
        """A text that is run as code imports what it says, and what it begins to say."""
        text = self._start_of(node)
        for name in list_imports_in_text(text):
            self.findings.mentions.append(Mention(name, node.lineno, alone=True))
            if isinstance(node, ast.JoinedStr | ast.BinOp):
                self.findings.families.append(Family(f"{name}.*", node.lineno))
                self.findings.unfollowed.append((node.lineno, False))

    def _add_scan(self, node: ast.Call) -> None:
        """A package whose modules are listed at run time is taken as a whole."""
        where = node.args[0] if node.args else None
        if isinstance(where, ast.Attribute) and where.attr == "__path__":
            target = dotted_name(where.value)
            head, _, rest = target.partition(".")
            self.findings.scans_what_is_named |= head not in self._aliases
            known = self._aliases.get(head, head)
            known = head if known.startswith(f"{head}.") and rest else known
            target = ".".join(filter(None, (known, rest)))
            self.findings.families.append(Family(f"{target}.*", node.lineno))
        elif where is not None and last_name(where) == "__path__" and self._package:
            self.findings.families.append(Family(f"{self._package}.*", node.lineno))
        elif where is not None:
            self.findings.scans_what_is_named = True

    def _see_constant(self, node: ast.Constant) -> None:
        text = node.value
        if not isinstance(text, str) or id(node) in self._docstrings or len(text) > 200:
            return
        if _MENTION.fullmatch(text):
            if text[0] == ".":
                self._mention_relative(text, node.lineno)
            elif "." in text or ":" in text:
                self.findings.mentions.append(Mention(text, node.lineno))
            else:
                self.findings.words.append(Mention(text, node.lineno, alone=True))
                if self._is_lazy and self._package:
                    name = f"{self._package}.{text}"
                    self.findings.mentions.append(Mention(name, node.lineno, alone=True))
        elif "-m" in text:
            for found in _COMMAND.findall(text):
                self.findings.mentions.append(Mention(found, node.lineno, alone=True))

    def _mention_relative(self, text: str, line: int) -> None:
        dots = len(text) - len(text.lstrip("."))
        if name := resolve_relative(self._package, dots, text.lstrip(".") or None):
            self.findings.mentions.append(Mention(name, line))

    def _see_computed(self, node: ast.expr) -> None:
        """A name that begins with a package's, as f"models.{name}", takes the package."""
        start = self._start_of(node)
        if re.fullmatch(r"\.*([^\W\d]\w*\.)*", start) and start.endswith("."):
            self._add_family(start, node.lineno)

    def _start_of(self, node: ast.expr, unknown: str | None = None) -> str:
        """A sum, an f-string or a template -> its text up to what cannot be known.

        With `unknown` in the place of what cannot be known, all of its text.
        """
        parts: list[ast.expr] = [node]
        while isinstance(parts[0], ast.BinOp):
            first = parts[0]
            parts[:1] = [first.left, first.right]
        if isinstance(parts[0], ast.JoinedStr):
            values = [
                one.value if isinstance(one, ast.FormattedValue) else one for one in parts[0].values
            ]
            parts[:1] = values
        start = ""
        for part in parts:
            text = self._text_of(part)
            if text is None and unknown is None:
                break
            start += text if text is not None else str(unknown)
        return re.split(r"%[sr]|{", start)[0]

    def _add_family(self, start: str, line: int) -> None:
        dots = len(start) - len(start.lstrip("."))
        name: str | None = start.rstrip(".")
        if dots:
            name = resolve_relative(self._package, dots, start.strip(".") or None)
        if name:
            self.findings.starts.append(Family(f"{name}.*", line))

    def _see_list(self, items: list[ast.expr]) -> None:
        """Keep the modules of commands: [sys.executable, "-m", "worker"]."""
        for before, item in zip(items, items[1:], strict=False):
            flag = before.value if isinstance(before, ast.Constant) else ""
            if flag == "-m" and isinstance(item, ast.Constant) and isinstance(item.value, str):
                self.findings.mentions.append(Mention(item.value, item.lineno, alone=True))
            elif flag == "-c":
                self._see_code(item)
