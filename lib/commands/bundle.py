"""`build.py bundle`: any entry script -> one script that behaves as it does with its packages."""

import argparse
import sys
import time
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_file
from lib.base.places import check_input_file, check_output_file
from lib.bundler.bundle import Bundle, Entry, build_bundle, find_contents, write_bundle
from lib.bundler.module_graph import ENTRY
from lib.bundler.sections import STYLES
from lib.bundler.sources import read_bytes
from lib.commands.options import Command

_WATCH_S = 0.5

Stamp = tuple[int, int]  # of a file: nanoseconds of its last change, bytes
_GONE = (0, 0)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entry", metavar="ENTRY.py", help="the script to bundle")
    parser.add_argument("-o", "--output", metavar="OUT.py", help="where the bundle goes")
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="take these modules too (lib.plugins.*), or these files (assets/*.json)",
    )
    parser.add_argument("--style", default="code", metavar="STYLE", help=", ".join(STYLES))
    parser.add_argument("--explain", metavar="MODULE", help="say by which chain it is reached")
    parser.add_argument("--watch", action="store_true", help="bundle again at every change")


def _run(options: argparse.Namespace) -> int:
    path = check_input_file("bundle", Path(options.entry), "give the entry's path")
    if options.explain:
        return _explain(_read_entry(path, options), options.explain)
    if not options.output:
        raise InputError("bundle", "no output is named; cure: add -o OUT.py")
    output = check_output_file("bundle", Path(options.output))
    check_output_file("bundle", _place_manifest(output))
    if output.resolve() == path.resolve():
        raise InputError("bundle", "the output is the entry itself; cure: give another -o OUT.py")
    if options.watch:
        return _watch(path, output, options)
    _report(_write(path, output, options), output)
    return 0


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
    write_bundle(bundle, output, _place_manifest(output))
    return bundle


def _place_manifest(output: Path) -> Path:
    return output.with_suffix(".manifest.json")


def _report(bundle: Bundle, output: Path) -> None:
    size, count = bundle.manifest["bytes"], len(bundle.manifest["inputs"])
    print(f"{output}: {size:,} bytes, {count} files, bundle {bundle.sha256[:12]}", flush=True)


def _explain(entry: Entry, name: str) -> int:
    """Print the shortest chain of imports to a module, one import a line."""
    graph = find_contents(entry).graph
    chain = graph.chain_to(name)
    if chain is None:
        known = name in graph.modules
        why = "it is the entry" if known else "nothing that the entry imports leads to it"
        raise InputError("bundle", f"{name} is not reached: {why}; cure: --include {name}")
    for importer, line, imported in chain:
        file = graph.modules[importer].path if importer != ENTRY else entry.name
        print(f"{file}:{line} imports {imported}")
    return 0


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
                _report(bundle, output)
            except InputError as error:
                print(f"error: {error}", file=sys.stderr, flush=True)
        time.sleep(_WATCH_S)


def _stamp_inputs(bundle: Bundle, root: Path) -> dict[Path, Stamp | None]:
    """Stamp the files in a bundle; None stands for one that has changed since it was read."""
    seen: dict[Path, Stamp | None] = {}
    for one in bundle.manifest["inputs"]:
        file = root / one["path"]
        stamp = _stamp(file)  # before the hash, so that a change in between is seen later
        seen[file] = stamp if stamp != _GONE and sha256_file(file) == one["sha256"] else None
    return seen


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
        return status.st_mtime_ns, status.st_size
    except OSError:
        return _GONE


BUNDLE = Command("bundle", "an entry and the packages beside it -> one script", _add_options, _run)
