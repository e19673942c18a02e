"""Compiled modules of vendored distributions -> what a bundle does without them, or a refusal."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from lib.bundler.analysis.find_imports import Import
from lib.bundler.analysis.graph import Module
from lib.bundler.differences import Difference
from lib.bundler.installed.distributions import name_module
from lib.bundler.installed.vendor import Vendored, tell_cure
from lib.bundler.sources import bundle_error

_LOADERS = ("CDLL", "PyDLL", "WinDLL", "LoadLibrary", "dlopen")
Use = tuple[Module, Import]


def judge_compiled(vendored: Sequence[Vendored], modules: Mapping[str, Module]) -> list[Difference]:
    """(what is taken in, all modules that the entry reaches) -> a Difference for each part.

    A bundle holds no compiled module of a vendored distribution. An import of one fails, and so
    does the module that does it, unless it catches the error. Where that chain ends in a handler,
    the program falls back; where it ends elsewhere, an InputError says so.
    """
    if not vendored:
        return []
    judge = _Judge(modules, {f"{one.prefix}/" for one in vendored})
    told: list[Difference] = []
    for one in vendored:
        for path in one.compiled:
            told += list(judge.follow(one, path))[:1]
        told += judge.find_replaced(one)
        judge.check_libraries(one)
    return told


class _Judge:
    def __init__(self, modules: Mapping[str, Module], prefixes: set[str]) -> None:
        self._modules = modules
        self._prefixes = tuple(prefixes)
        self._handlers = {
            name: _find_raising(module.source.tree) if module.source else {}
            for name, module in modules.items()
        }

    def follow(self, one: Vendored, path: str) -> Iterator[Difference]:
        """A compiled module -> the places that fall back without it."""
        failing = [name_module(path)]
        for name in failing:
            for module, how in self._find_uses(name):
                if how.when == "typing" or module.name in failing:
                    continue
                if self._is_caught(module, how):
                    what = f"runs without {path}, a compiled part of {one.name}"
                    cure = f"leave out --vendor {one.name} where pip can install it"
                    yield Difference(module.path, how.line, what, cure)
                elif how.when == "load" and self._is_vendored(module):
                    failing.append(module.name)  # whoever imports it has to catch the error
                else:
                    problem = f"{one.name} cannot be taken in: this needs its compiled part {path}"
                    cure = tell_cure(one.name, one.tops)
                    raise bundle_error(module.path, how.line, problem, cure)

    def find_replaced(self, one: Vendored) -> Iterator[Difference]:
        """A distribution -> the first of its modules that runs as .py and not compiled."""
        names = {name_module(path) for path in one.replaced}
        for name in sorted(names & self._modules.keys()):
            module = self._modules[name]
            if self._is_vendored(module):
                what = f"runs as Python, and compiled where {one.name} is installed"
                yield Difference(module.path, 1, what, f"leave out --vendor {one.name}")
                return

    def check_libraries(self, one: Vendored) -> None:
        """Refuse a distribution whose modules open a shared library of its own by ctypes."""
        own = [path for path in one.compiled if ".libs/" not in path]
        places = {f"{one.prefix}/{path}" for path in one.files}
        for module in self._modules.values() if own else ():
            text = module.source.text if module.source and module.path in places else ""
            used = [how for how in module.findings.imports if how.module in ("ctypes", "cffi")]
            if used and any(word in text for word in _LOADERS):
                problem = f"{one.name} opens a shared library, such as its {own[0]}"
                cure = tell_cure(one.name, one.tops)
                raise bundle_error(module.path, used[0].line, problem, cure)

    def _find_uses(self, name: str) -> Iterator[Use]:
        """A module -> every import of it, or of a module below it."""
        for module in self._modules.values():
            for how in module.findings.imports:
                loaded = [how.module, *(f"{how.module}.{one}" for one in how.names)]
                if any(one == name or one.startswith(f"{name}.") for one in loaded):
                    yield module, how

    def _is_caught(self, module: Module, how: Import) -> bool:
        """Tell whether an import stands under a handler that does not raise an error again."""
        lines = self._handlers[module.name]
        return how.when == "optional" and how.line not in lines

    def _is_vendored(self, module: Module) -> bool:
        return module.path.startswith(self._prefixes)


def _find_raising(tree: ast.Module) -> dict[int, int]:
    """A module -> the lines of imports whose handlers always raise; no fallback is theirs."""
    found: dict[int, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Try | ast.TryStar):
            ends = [any(isinstance(one, ast.Raise) for one in h.body) for h in node.handlers]
            if ends and all(ends):
                for below in (one for part in node.body for one in ast.walk(part)):
                    if isinstance(below, ast.Import | ast.ImportFrom | ast.Call):
                        found[below.lineno] = node.lineno
    return found
