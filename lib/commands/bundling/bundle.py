"""`build.py bundle`: any program -> one script or notebook that behaves as it does."""

import argparse
import dataclasses
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.terminal import paint
from lib.bundler.analysis.graph import ENTRY
from lib.bundler.bundle import Bundle, build_bundle, find_contents, write_bundle
from lib.bundler.differences import Difference
from lib.bundler.entry import Entry
from lib.bundler.sections import STYLES
from lib.bundler.size_table import measure_files, show_sizes
from lib.bundler.unbundling.rebuild import Rebuilt
from lib.commands.bundling.notebook_entry import (
    is_notebook,
    list_sources,
    point_to_cells,
    tell_cells,
)
from lib.commands.bundling.read_program import Program, read_program
from lib.commands.bundling.recorded import fill_options, record_options
from lib.commands.bundling.watch_sources import watch_sources
from lib.commands.options import Answer, Command
from lib.commands.output_file import check_output_file
from lib.commands.terminal.help_text import DATA, MORE, OUTPUT, find_group, tell

FORMS = ("script", "notebook")


@dataclass(frozen=True)
class Made:
    """What was made of a program, not written yet."""

    bundle: Bundle
    text: str  # of the script or notebook
    manifest: dict[str, Any]
    differences: tuple[Difference, ...]


def add_bundler_options(parser: argparse.ArgumentParser, group: str = "") -> None:
    """Add the options that decide what a bundle holds, in one group or in those of `bundle`."""
    data, output = find_group(parser, group or DATA), find_group(parser, group or OUTPUT)
    for name, metavar, words in (
        ("--path", "DIR", "a folder in which packages lie too, as in PYTHONPATH"),
        ("--include", "GLOB", "take these modules too (lib.plugins.*), or files (assets/*.json)"),
        ("--exclude", "GLOB", "leave out these modules or files"),
        ("--external", "NAME", "this package stays outside: it will be there"),
        ("--vendor", "PACKAGE", "take in this installed package, with its licence"),
        ("--cwd", "GLOB", "lay these files into the working folder at the start"),
    ):
        words = f"{words}; may be given several times"
        data.add_argument(name, action="append", default=[], metavar=metavar, help=words)
    words = tell(f"how a file stands in it: {', '.join(STYLES)}", "code")
    output.add_argument("--style", default="code", metavar="STYLE", help=words)
    words = tell("the most bytes of the bundle", "none, with a warning above Kaggle's megabyte")
    output.add_argument("--limit", type=_read_limit, metavar="BYTES|none", help=words)
    words = "write the packages that it imports at the top, for `uv run` and others"
    output.add_argument("--pep723", action="store_true", help=words)
    words = "exit with 2, and write nothing, where it will do anything otherwise"
    output.add_argument("--strict", action="store_true", help=words)


def _add_options(parser: argparse.ArgumentParser) -> None:
    data, output = find_group(parser, DATA), find_group(parser, OUTPUT)
    words = "the script to bundle, or a Jupyter notebook, whose cells are read as one"
    data.add_argument("entry", nargs="?", metavar="ENTRY.py", help=words)
    words = "instead of ENTRY: the package or module that `python -m` would run"
    data.add_argument("-m", dest="module", metavar="PACKAGE", help=words)
    words = "where the bundle goes, its manifest beside it; needed but with --explain, --analyze"
    output.add_argument("-o", "--output", metavar="OUT.py", help=words)
    words = tell(f"what is written: {', '.join(FORMS)}", "script")
    output.add_argument("--format", default="script", metavar="FORM", help=words)
    add_bundler_options(parser)
    words = "write nothing, say by which chain of imports it is reached"
    output.add_argument("--explain", metavar="MODULE", help=words)
    words = "show the bytes of each file, and the import that brought it in"
    output.add_argument("--analyze", action="store_true", help=words)
    find_group(parser, MORE).add_argument(
        "--watch", action="store_true", help="bundle again at every change"
    )


def _check_words(style: str, form: str) -> None:
    for word, known in ((style, STYLES), (form, FORMS)):
        if word not in known:
            raise InputError("bundle", f"there is no {word!r}; cure: {nearest_name(word, known)}")


def _read_limit(word: str) -> int | None:
    if word == "none":
        return None
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"{word!r}: expected bytes such as 900000, or none")
    return int(word)


def _run(options: argparse.Namespace) -> int | Answer:
    _check_words(options.style, options.format)
    if options.module and not options.path:
        options.path = ["."]  # where `python -m` looks, and what the manifest records
    if options.explain:
        return _explain(read_program(options).entry, options.explain)
    if not options.output and options.analyze:
        return _analyze(_make(read_program(options), options), read_program(options).entry)
    if not options.output:
        raise InputError("bundle", "no output is named; cure: add -o OUT.py")
    output = check_output_file("bundle", Path(options.output))
    outputs = (output, check_output_file("bundle", _place_manifest(output)))
    program = read_program(options, outputs)
    if options.watch and options.json:
        raise InputError("bundle", "--watch has no end, so no JSON; cure: leave out one of both")
    if options.watch:
        return _watch(program, outputs, options)
    made = _make(program, options)
    _write(program, made, outputs, options)
    if options.analyze:
        return _analyze(made, program.entry)
    facts = {"output": output, "bytes": made.manifest["bytes"], "bundle_sha256": made.bundle.sha256}
    facts["files"] = [one["path"] for one in made.manifest["inputs"]]
    facts["differences"] = [dataclasses.asdict(one) for one in made.differences]
    return Answer(_describe(made, output), facts)


def _make(program: Program, options: argparse.Namespace) -> Made:
    if is_notebook(program.path):
        return _make_of_cells(program, options)
    return _make_of_script(program, options)


def _make_of_cells(program: Program, options: argparse.Namespace) -> Made:
    """The same as of a script, but what is told names a notebook's cells."""
    path, text, name = program.path, str(program.entry.text), Path(program.entry.name).name
    try:
        made = _make_of_script(program, options)
    except InputError as error:
        raise point_to_cells(path, text, name, error) from None
    told = tell_cells(path, text, name, made.differences)
    manifest = {**made.manifest, "differences": [dataclasses.asdict(one) for one in told]}
    sources = list_sources(path, name, made.bundle.sources)
    bundle = dataclasses.replace(made.bundle, sources=sources)
    return Made(bundle, made.text, manifest, told)


def _make_of_script(program: Program, options: argparse.Namespace) -> Made:
    bundle = build_bundle(program.entry)
    text, manifest, told = bundle.text, bundle.manifest, bundle.differences
    if options.format == "notebook":
        from lib.bundler.notebooks.notebook import build_notebook, render_notebook

        notebook = build_notebook(program.entry)
        text, manifest = render_notebook(notebook), notebook.manifest
        told = notebook.differences
    with suppress(ModuleNotFoundError):  # the bundler as one script knows no account of Kaggle
        from lib.commands.refuse_secrets import refuse_own_credentials

        refuse_own_credentials(bundle.sources, text)
    told = (*program.differences, *told)
    manifest = {**manifest, "differences": [dataclasses.asdict(one) for one in told]}
    return Made(bundle, text, manifest, told)


def _write(
    program: Program, made: Made, outputs: tuple[Path, Path], options: argparse.Namespace
) -> None:
    """Say what will differ, then write the bundle and its manifest."""
    output, manifest_path = outputs
    inputs = {path.resolve() for path in (program.path, *made.bundle.sources)}
    for path in outputs:
        if path.resolve() in inputs:
            own = "the entry itself" if path.resolve() == program.path.resolve() else "a file of it"
            what = f"the output {path} would overwrite the program: it is {own}"
            raise InputError("bundle", f"{what}; cure: give another -o")
    for one in made.differences:
        print(f"{paint('warning:', 'yellow', sys.stderr)} {one}", file=sys.stderr, flush=True)
    if made.differences and options.strict:
        count = len(made.differences)
        what = f"{count} difference{'s' * (count > 1)} with --strict, nothing is written"
        raise InputError("bundle", f"{what}; cure: the warnings above name theirs")
    manifest = {**made.manifest, "options": record_options(options, _add_options)}
    write_bundle(made.text, manifest, output, manifest_path)
    mode = program.path.stat().st_mode & 0o111
    if mode and options.format == "script":
        output.chmod(output.stat().st_mode | mode)


def bundle_program(entry: Path, output: Path, form: str, options: argparse.Namespace) -> Made:
    """(a program, where its bundle goes, its form, the options of add_bundler_options) -> Made.

    The bundle and its manifest are written, as `build.py bundle` writes them.
    """
    _check_words(options.style, form)
    chosen = {"entry": str(entry), "output": str(output), "format": form}
    whole = fill_options(options, _add_options, chosen)
    outputs = (
        check_output_file("bundle", output),
        check_output_file("bundle", _place_manifest(output)),
    )
    program = read_program(whole, outputs)
    made = _make(program, whole)
    _write(program, made, outputs, whole)
    return made


def rebuild(options: argparse.Namespace) -> Rebuilt:
    """(options) -> the bundle that they make now, in memory alone."""
    output = Path(options.output)
    made = _make(read_program(options, (output, _place_manifest(output))), options)
    return Rebuilt(made.text.encode(), made.manifest)


def _place_manifest(output: Path) -> Path:
    return output.with_suffix(".manifest.json")


def _describe(made: Made, output: Path) -> str:
    size, count = made.manifest["bytes"], len(made.manifest["inputs"])
    return f"{output}: {size:,} bytes, {count} files, bundle {made.bundle.sha256[:12]}"


def _analyze(made: Made, entry: Entry) -> Answer:
    sizes = measure_files(find_contents(entry), made.manifest["inputs"], made.bundle.text)
    return Answer(show_sizes(sizes), sizes)


def _explain(entry: Entry, name: str) -> Answer:
    """Tell the shortest chain of imports to a module, one import a line."""
    graph = find_contents(entry).graph
    chain = graph.chain_to(name)
    if chain is None:
        known = name in graph.modules
        why = "it is the entry" if known else "nothing that the entry imports leads to it"
        raise InputError("bundle", f"{name} is not reached: {why}; cure: --include {name}")
    links = [
        (graph.modules[importer].path if importer != ENTRY else entry.name, line, imported)
        for importer, line, imported in chain
    ]
    text = "\n".join(f"{file}:{line} imports {imported}" for file, line, imported in links)
    names = ("file", "line", "imports")
    return Answer(text, {"chain": [dict(zip(names, link, strict=True)) for link in links]})


def _watch(program: Program, outputs: tuple[Path, Path], options: argparse.Namespace) -> int:
    """Bundle now, and again whenever a source file changes, until interrupted."""

    def write() -> dict[Path, str]:
        again = read_program(options, outputs)
        made = _make(again, options)
        _write(again, made, outputs, options)
        print(_describe(made, outputs[0]), flush=True)
        return made.bundle.sources

    folders = [program.entry.root, *(folder for _, folder in program.entry.mounts)]
    return watch_sources(write, folders, outputs)


BUNDLE = Command(
    "bundle",
    "put any program and its packages into one script or notebook",
    _add_options,
    _run,
    (
        ("bundle train.py -o build/train.py", "one file, with all that train.py imports"),
        ("bundle -m trainer --path src -o build/trainer.py", "as python -m trainer runs it"),
        ("bundle train.py -o build/train.py --watch", "again at every change"),
        ("bundle train.py --analyze", "what makes it large"),
    ),
    json="output, bytes, bundle_sha256, files and differences; with --explain: chain (file, line, "
    "imports); with --analyze: files, packages and script",
)
