"""`build.py bundle`: any entry script -> one script that behaves as it does with its packages."""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_file
from lib.base.places import check_input_file, check_output_file
from lib.base.terminal import paint
from lib.bundler.analysis.module_graph import ENTRY
from lib.bundler.bundle import Bundle, build_bundle, find_contents, write_bundle
from lib.bundler.entry import Entry
from lib.bundler.sections import STYLES
from lib.bundler.sources import read_bytes
from lib.bundler.unbundling.rebuild import Rebuilt
from lib.commands.bundling.recorded import record_options
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group, tell

_WATCH_S = 0.5

Stamp = tuple[int, int]  # of a file: nanoseconds of its last change, bytes
_GONE = (0, 0)


def _add_options(parser: argparse.ArgumentParser) -> None:
    data, output = find_group(parser, DATA), find_group(parser, OUTPUT)
    data.add_argument("entry", metavar="ENTRY.py", help="the script to bundle")
    words = "where the bundle goes, its manifest beside it; needed but with --explain"
    output.add_argument("-o", "--output", metavar="OUT.py", help=words)
    data.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="take these modules too (lib.plugins.*), or these files (assets/*.json)",
    )
    words = tell(f"how a file stands in it: {', '.join(STYLES)}", "code")
    output.add_argument("--style", default="code", metavar="STYLE", help=words)
    words = "write nothing, say by which chain of imports it is reached"
    output.add_argument("--explain", metavar="MODULE", help=words)
    output.add_argument("--watch", action="store_true", help="bundle again at every change")


def _run(options: argparse.Namespace) -> int | Answer:
    path = check_input_file("bundle", Path(options.entry), "give the entry's path")
    if options.explain:
        return _explain(_read_entry(path, options), options.explain)
    if not options.output:
        raise InputError("bundle", "no output is named; cure: add -o OUT.py")
    output = check_output_file("bundle", Path(options.output))
    check_output_file("bundle", _place_manifest(output))
    if output.resolve() == path.resolve():
        raise InputError("bundle", "the output is the entry itself; cure: give another -o OUT.py")
    if options.watch and options.json:
        raise InputError("bundle", "--watch has no end, so no JSON; cure: leave out one of both")
    if options.watch:
        return _watch(path, output, options)
    bundle = _write(path, output, options)
    facts = {"output": output, "bytes": bundle.manifest["bytes"], "bundle_sha256": bundle.sha256}
    facts["files"] = [one["path"] for one in bundle.manifest["inputs"]]
    return Answer(_describe(bundle, output), facts)


def _read_entry(path: Path, options: argparse.Namespace) -> Entry:
    return Entry(
        text=read_bytes(path),
        name=path.name,
        root=path.absolute().parent,
        include=tuple(options.include),
        style=options.style,
    )


def _write(path: Path, output: Path, options: argparse.Namespace) -> Bundle:
    bundle = build_bundle(_read_entry(path, options))
    recorded = {"options": record_options(options, _add_options)}
    bundle = dataclasses.replace(bundle, manifest={**bundle.manifest, **recorded})
    write_bundle(bundle, output, _place_manifest(output))
    return bundle


def rebuild(options: argparse.Namespace) -> Rebuilt:
    """(options) -> the bundle that they make now, in memory alone."""
    bundle = build_bundle(_read_entry(Path(options.entry), options))
    return Rebuilt(bundle.text.encode(), bundle.manifest)


def _place_manifest(output: Path) -> Path:
    return output.with_suffix(".manifest.json")


def _describe(bundle: Bundle, output: Path) -> str:
    size, count = bundle.manifest["bytes"], len(bundle.manifest["inputs"])
    return f"{output}: {size:,} bytes, {count} files, bundle {bundle.sha256[:12]}"


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


def _watch(path: Path, output: Path, options: argparse.Namespace) -> int:
    """Bundle now, and again whenever a source file changes, until interrupted."""
    seen: dict[Path, Stamp | None] = {path: None}
    while True:
        if any(stamp is None or _stamp(file) != stamp for file, stamp in seen.items()):
            # Where bundling fails, the file to mend may be one that no bundle has held yet.
            seen = {file: _stamp(file) for file in {path, *path.parent.rglob("*.py")}}
            try:
                bundle = _write(path, output, options)
                seen = _stamp_inputs(bundle, path.parent)
                print(_describe(bundle, output), flush=True)
            except InputError as error:
                told = paint("error:", "red", sys.stderr)
                print(f"{told} {error}", file=sys.stderr, flush=True)
        time.sleep(_WATCH_S)


def _stamp_inputs(bundle: Bundle, root: Path) -> dict[Path, Stamp | None]:
    """Stamp the files in a bundle; None stands for one that has changed since it was read."""
    seen: dict[Path, Stamp | None] = {}
    for one in bundle.manifest["inputs"]:
        file = root / one["path"]
        stamp = _stamp(file)  # before the hash, so that a change in between is seen later
        try:
            is_same = sha256_file(file) == one["sha256"]
        except OSError:  # it has gone meanwhile
            is_same = False
        seen[file] = stamp if is_same else None
    return seen


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
        return status.st_mtime_ns, status.st_size
    except OSError:
        return _GONE


BUNDLE = Command(
    "bundle",
    "put any script and the packages beside it into one script",
    _add_options,
    _run,
    (
        ("bundle train.py -o build/train.py", "one file, with all that train.py imports"),
        ("bundle train.py -o build/train.py --watch", "again at every change"),
        ("bundle train.py --explain lib.model", "why a module is in it"),
    ),
    json="output, bytes, bundle_sha256 and files; with --explain: chain (file, line, imports)",
)
