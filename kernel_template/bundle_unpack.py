"""A bundle's files -> a temporary folder, or the working folder, for programs that need files."""

import os

_HELD = []  # descriptors of folders in use, never closed


def unpack_files(entry, sha256, paths, read):
    """(the entry's path, hash of the script, paths, path -> bytes) -> the folder that holds them.

    The folder is named by the hash: later runs and child processes meet the same one. What an
    earlier run wrote is looked at, by size and time, and not read again. Folders of other versions
    of the entry are removed where no process uses them.
    """
    parts = entry.removesuffix(".py").removesuffix("/__main__").split("/")
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    for place in list_places():
        folder = os.path.join(os.path.realpath(place), f"{parts[-1]}-{sha256[:16]}-{user}")
        try:
            hold_folder(folder)
            stamps = read_stamps(folder)
            now = {path: stamp(folder, path) for path in paths}
            changed = [path for path in paths if not now[path] or now[path] != stamps.get(path)]
            for path in changed:
                write_file(os.path.join(folder, path), read(path))
                stamps[path] = stamp(folder, path)
            if changed:
                write_stamps(folder, stamps)
        except OSError as error:
            problem = error
            continue
        remove_others(folder, f"{parts[-1]}-", f"-{user}", len(sha256[:16]))
        return folder
    cure = "let TMPDIR name a folder that can be written"
    raise SystemExit(f"{entry}: its files cannot be unpacked ({problem}); cure: {cure}")


def stamp(folder, path):
    """A file -> its size and the time of its last change; None where it is no file."""
    try:
        status = os.lstat(os.path.join(folder, path))
    except OSError:
        return None
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def read_stamps(folder):
    """A folder -> path -> stamp, as the last run left them beside the folder."""
    try:
        with open(f"{folder}.files", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(" ", 3) for line in file]
    except (OSError, ValueError):
        return {}
    return {row[3]: " ".join(row[:3]) for row in rows if len(row) == 4}


def write_stamps(folder, stamps):
    """Keep the stamps for the next run; without them it reads the files."""
    rows = [f"{known} {path}\n" for path, known in stamps.items() if "\n" not in path]
    try:
        write_file(f"{folder}.files", "".join(rows).encode())
    except OSError:
        return


def list_places():
    """List the folders for temporary files that `tempfile` would try, in its order."""
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    usual = ["/tmp", "/var/tmp", "/usr/tmp"]
    if os.name == "nt":
        usual = [os.path.expandvars(r"%SYSTEMROOT%\Temp"), r"c:\temp", r"c:\tmp"]
        named.append(os.path.expanduser(r"~\AppData\Local\Temp"))
    return [place for place in [*named, *usual, os.getcwd()] if place and os.path.isdir(place)]


def hold_folder(folder):
    """Make a folder of this user alone, and lock it while this process lives."""
    while True:
        os.makedirs(folder, 0o700, exist_ok=True)
        status = os.lstat(folder)
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or os.path.islink(folder)):
            raise PermissionError(f"{folder} belongs to another user")
        try:
            import fcntl
        except ImportError:
            return
        number = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(number, fcntl.LOCK_SH)
            if os.lstat(folder).st_ino == os.fstat(number).st_ino:
                _HELD.append(number)
                return
        except FileNotFoundError:  # removed meanwhile
            pass
        os.close(number)


def remove_others(folder, head, tail, digits):
    """Remove folders of the same entry and user, of other versions, that no process holds."""
    try:
        import fcntl
    except ImportError:
        return
    place, own = os.path.split(folder)
    for name in os.listdir(place):
        middle = name[len(head) : -len(tail)]
        is_one = name == f"{head}{middle}{tail}" and len(middle) == digits
        if not is_one or name == own or middle.strip("0123456789abcdef"):
            continue
        path = os.path.join(place, name)
        try:
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_folder(path)
            os.unlink(f"{path}.files")
        except OSError:  # a process holds it, or it is another user's
            pass
        finally:
            os.close(number)


def remove_folder(path):
    """Remove a folder and all in it."""
    for folder, below, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        for name in below:
            inner = os.path.join(folder, name)
            (os.unlink if os.path.islink(inner) else os.rmdir)(inner)
    os.rmdir(path)


def export_paths(folders, late_folders):
    """Folders of the bundle -> PYTHONPATH, for processes that this one starts."""
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [*folders, *(path for path in before if path not in folders), *late_folders]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys(paths)))


def lay_files(own_folder, contents):
    """(the entry's folder in the bundle, path -> bytes) -> files in the working folder.

    None takes the place of one that is there.
    """
    for path, content in contents.items():
        target = path.removeprefix(f"{own_folder}/") if own_folder else path
        if not os.path.lexists(target):
            write_file(os.path.abspath(target), content)


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
