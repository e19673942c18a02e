"""A bundle's text -> its files in a temporary folder, for programs that need files."""

import os
import sys


def unpack_files(entry, text, table, read_text, encode_text):
    """The script's text and a table of its files -> the folder that now holds both.

    The folder is named by the content's hash: later runs and child processes meet the same one.
    """
    forget_earlier_run()
    files = {"__main__.py": text.encode()}
    for path, (_, _, _, form) in table.items():
        if not path.startswith("__bundle__/"):
            files[path] = encode_text(read_text(path), form)
    sha256 = text.split("\n", 2)[1].split()[-1]
    name = f"{entry.removesuffix('.py')}-{sha256[:16]}-{os.getuid()}"
    folder = os.path.join(os.path.realpath(os.environ.get("TMPDIR") or "/tmp"), name)
    os.makedirs(folder, 0o700, exist_ok=True)
    if os.stat(folder).st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    for path, content in files.items():
        write_file(f"{folder}/{path}", content)
    if table:
        sys.path.insert(0, folder)
        paths = [folder, os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return folder


def forget_earlier_run():
    """A notebook's process in which a cell ran before -> the same without that cell's modules."""
    for finder in [finder for finder in sys.meta_path if hasattr(finder, "bundled")]:
        sys.meta_path.remove(finder)
        for path in finder.bundled:
            name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            sys.modules.pop(name, None)


def write_file(target, content):
    """Bytes -> a file, whole at any time, left alone where it is there already."""
    if os.path.isfile(target):
        with open(target, "rb") as file:
            if file.read() == content:
                return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(f"{target}.{os.getpid()}", "wb") as file:
        file.write(content)
    os.replace(file.name, target)
