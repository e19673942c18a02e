"""A kernel's CONFIG, edited or not -> the words after `python build.py` that build it again."""

import ast
import operator
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lib.base.errors import InputError
from lib.bundler.unbundling.bundled_file import Unbundled
from lib.commands.kernel_build import ENTRY_NAME
from lib.commands.kernel_options import read_config
from lib.commands.options import Command, make_parser
from lib.kernel.competition.table import DEFAULT_COMPETITION
from lib.kernel.configuration.config import BAKED, KEYS, RANDOM_WEIGHTS, Config, show_value
from lib.kernel.configuration.configure import differences
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.settings import read_block
from lib.kernel.recipes.table import DEFAULT_RECIPE, ROWS, find_preset

_OPTIONS = ("minutes", "seed")  # keys with an option of their own
_SIGNS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def describe_kernel(found: Unbundled) -> dict[str, Any]:
    """What a bundle holds -> {} where it is no kernel of ours, else its words and lines to print.

    The words build the CONFIG as it is now; kernel.py itself is made from a template.
    """
    texts = {each.path: each.content.decode("utf-8", "replace") for each in found.files}
    text = texts.get(ENTRY_NAME, "")
    if found.entry != ENTRY_NAME or not re.search(r"^KERNEL = Kernel\($", text, re.MULTILINE):
        return {}
    presets = _list_presets(text)
    block, others = _read_preface(found.preface)
    config = read_block(block, presets)
    own = find_preset(next(iter(presets)), _name_competition(text))
    is_full = len(presets) > 1 + len(own.candidates)
    words = list_words(config)
    words += ["--full"] * is_full
    words += ["--format", "notebook"] * ("viewer=InlineViewer()" in text)
    line = shlex.join(["python", "build.py", *words])
    lines = [f"beside CONFIG stands, in no file: {each!r}" for each in others]
    lines += _tell_weights(config)
    return {"words": line, "lines": [*lines, "what builds its CONFIG:", line], "config": config}


def list_words(config: Config) -> list[str]:
    """A Config -> the options of `build.py build` that make it."""
    preset = find_preset(config.recipe, config.competition)
    words = ["--recipe", config.recipe] if config.recipe != DEFAULT_RECIPE else []
    if config.competition != DEFAULT_COMPETITION:
        words += ["--competition", config.competition]
    if config.weights_file == RANDOM_WEIGHTS:
        words += ["--weights", RANDOM_WEIGHTS]
    elif _has_other_weights(config, preset):
        words += ["--weights", config.weights_file]
    settings = []
    for name in KEYS:
        value = getattr(config, name)
        is_given = name in config.given or value != getattr(preset.usual, name)
        if name in BAKED or not is_given:
            continue
        text = _write(show_value(name, value))
        if name in _OPTIONS:
            words += [f"--{name}", text]
        else:
            settings += ["--set", f"{name}={text}"]
    _check(words + settings, config)
    return words + settings


def _has_other_weights(config: Config, preset: Preset) -> bool:
    usual = preset.usual
    pairs = [(each.weights_file, each.weights_sha256) for each in (config, usual)]
    return pairs[0] != pairs[1]


def _tell_weights(config: Config) -> list[str]:
    """A Config -> a line on the file that --weights must name, where it must name one."""
    preset = find_preset(config.recipe, config.competition)
    if config.weights_file == RANDOM_WEIGHTS or not _has_other_weights(config, preset):
        return []
    known = f" of sha256 {config.weights_sha256}" if config.weights_sha256 else ""
    return [f"after --weights write the path of {config.weights_file}{known}"]


def _write(value: Any) -> str:
    """A value -> as users type it."""
    if isinstance(value, bool):
        return str(value).lower()
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if is_whole else str(value)


def _check(words: list[str], config: Config) -> None:
    """Raise InputError where the words would not make the Config, weights left aside."""
    parser = make_parser(_find_build())
    options = parser.parse_args(words)
    options.weights = None
    made = read_config(options).config
    file, sha256 = made.weights_file, made.weights_sha256
    wanted = replace(config, weights_file=file, weights_sha256=sha256)
    if made != wanted:
        rows = "; ".join(differences(vars(wanted), vars(made)))
        cure = "give CONFIG values that --set takes"
        raise InputError("unbundle", f"no words build this CONFIG ({rows})", cure=cure)


def _find_build() -> Command:
    from lib.commands.build import BUILD

    return BUILD


def _list_presets(text: str) -> dict[str, Preset]:
    """The text of a kernel.py -> its recipes' presets for its competition, in its order."""
    names = re.findall(r"\w+", (re.findall(r"^    recipes=\((.*)\),$", text, re.M) or [""])[0])
    by_name = {row.name: recipe for recipe, row in ROWS.items()}
    unknown = [name for name in names if name not in by_name]
    if unknown or not names:
        said = f"{ENTRY_NAME} names recipes that are none here: {', '.join(unknown) or 'none'}"
        raise InputError("unbundle", said, cure="unbundle it by the version that made it")
    competition = _name_competition(text)
    return {by_name[name]: find_preset(by_name[name], competition) for name in names}


def _name_competition(text: str) -> str:
    found = re.search(r"^from lib\.kernel\.competition\.(\w+)\.competition import", text, re.M)
    return found[1].replace("_", "-") if found else DEFAULT_COMPETITION


def _read_preface(preface: str) -> tuple[dict[Any, Any], list[str]]:
    """What stands above the files -> (CONFIG, other statements)."""
    try:
        body = ast.parse(preface).body
    except SyntaxError as error:
        said = f"CONFIG cannot be read: {error.msg} in {(error.text or '').strip()!r}"
        raise InputError("unbundle", said, cure="correct that line") from None
    block, others = None, []
    for node in body:
        names = [ast.unparse(each) for each in getattr(node, "targets", [])]
        if (
            isinstance(node, ast.Assign)
            and names == ["CONFIG"]
            and isinstance(node.value, ast.Dict)
        ):
            block = node.value
        else:
            others.append(ast.unparse(node).split("\n")[0])
    if block is None:
        cure = "put back `CONFIG = {` and its keys above the files"
        raise InputError("unbundle", "the kernel has no CONFIG", cure=cure)
    pairs = zip(block.keys, block.values, strict=True)
    return {_evaluate(key, "a key"): _evaluate(value, _show(key)) for key, value in pairs}, others


def _show(node: ast.expr | None) -> str:
    return f"CONFIG[{ast.unparse(node)}]" if node else "CONFIG"


def _evaluate(node: ast.expr | None, where: str) -> Any:
    """The expression of a plain value, sums and products of numbers included -> the value."""
    try:
        if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
            sides = (_evaluate(each, where) for each in (node.left, node.right))
            return _SIGNS[type(node.op)](*sides)
        if node is None:
            raise ValueError
        return ast.literal_eval(node)
    except (ValueError, TypeError, ArithmeticError):
        said = f"{where} is no plain value: {ast.unparse(node) if node else '**'}"
        raise InputError("unbundle", said, cure="write the number or text itself") from None
