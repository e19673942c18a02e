"""What only some runs of a bundle need -> done: an edited script, a notebook, a package's list."""

import os
import sys

_HELD = []  # folders that are removed when this process ends


def tell_edited(entry, sha256):
    """Say once on stderr that the script is not what its header says, and what runs instead."""
    told = "BUNDLE_EDITED"  # for processes that this one starts
    first = os.environ.get(told) != sha256 and os.environ.get("LOCAL_RANK", "0") == "0"
    if first and sys.stderr is not None:
        said = "this bundle's text is not the one that its header names; sha256 of what runs"
        print(f"{entry}: {said}: {sha256}", file=sys.stderr, flush=True)
    os.putenv(told, sha256)


def leave_earlier_cell():
    """A notebook's process in which a bundle ran before -> the same without its modules."""
    for hook in [hook for hook in sys.path_hooks if hasattr(hook, "bundled")]:
        sys.path_hooks.remove(hook)
        sys.path[:] = [path for path in sys.path if path not in hook.places]
        for place in hook.places:
            sys.path_importer_cache.pop(place, None)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or "".join(getattr(module, "__path__", ())[:1])
            if name != "__main__" and os.path.dirname(file) in hook.places:
                del sys.modules[name]


def write_script(text, folder):
    """(this script's text, the entry's folder) -> a file of it, while this process lives."""
    import tempfile

    _HELD.append(tempfile.TemporaryDirectory(prefix="bundle-"))
    path = os.path.join(_HELD[-1].name, folder, "__main__.py")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def list_modules(finder, prefix, files):
    """(finder of a folder, prefix of names, the bundle's files) -> names, and if packages."""
    import pkgutil

    found = {}
    for path in [path for path in files if path.startswith(finder.prefix)]:
        name, _, rest = path.removeprefix(finder.prefix).partition("/")
        if rest == "__init__.py":
            found[name] = True
        elif not rest and name.endswith(".py") and name != "__init__.py":
            found.setdefault(name.removesuffix(".py"), False)
    if finder.here is not None:
        for name, is_package in pkgutil.iter_importer_modules(finder.here):
            found.setdefault(name, is_package)
    yield from [(prefix + name, found[name]) for name in sorted(found) if "." not in name]
