"""An installed distribution's name -> what of it a bundle takes in: modules, data, licences."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lib.base.errors import InputError, find_nearest
from lib.bundler.analysis.kaggle_packages import KAGGLE_MODULES
from lib.bundler.installed.distributions import (
    Distribution,
    Installed,
    is_compiled,
    name_module,
    normalize_name,
)
from lib.bundler.installed.import_names import name_known_distribution

# What a program imports to ask for a distribution's version or entry points.
METADATA_READERS = frozenset(
    {"importlib.metadata", "importlib_metadata", "pkg_resources", "stevedore"}
)
_NOTICE = re.compile(r"(un)?licen[cs]es?|copying|copyright|notices?|authors|patents", re.IGNORECASE)
_NO_NOTICE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".json")
# What a compiled module is made from and what type checkers read: no program does.
_LEFT_OVER = (".pyi", ".c", ".cc", ".cpp", ".h", ".hpp", ".pyx", ".pxd", ".pxi", "/py.typed")
_SCRIPTS = {"console_scripts", "gui_scripts"}
_PROGRAMS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


@dataclass(frozen=True)
class Vendored:
    """One distribution to be taken in; all paths count from `folder`, with "/"."""

    name: str  # as its author spells it
    version: str
    licence: str  # as its metadata states it; empty where they do not
    folder: Path  # where it is installed
    files: tuple[str, ...]  # modules and data; compiled modules where no .py stands for them
    compiled: tuple[str, ...]  # compiled modules and shared libraries among `files`
    replaced: tuple[str, ...]  # compiled modules beside which a .py of the same name lies
    notices: tuple[str, ...]  # metadata and licence texts, which always travel
    tops: tuple[str, ...]  # the names that it lets one import
    plugins: tuple[str, ...]  # modules that others find by its entry points
    prefix: str = "vendor"  # the folder of the bundle in which its files lie

    def __str__(self) -> str:
        """Name, version and licence, for the head of a bundle."""
        return f"{self.name} {self.version} ({self.licence or 'its licence is not stated'})"

    @property
    def modules(self) -> dict[str, str]:
        """Dotted names -> paths."""
        return {name: path for path in self.files if (name := name_module(path))}

    @property
    def facts(self) -> dict[str, Any]:
        """A JSON value for the manifest."""
        texts = [f"{self.prefix}/{path}" for path in self.notices]
        return {
            "name": self.name,
            "version": self.version,
            "licence": self.licence,
            "notices": texts,
        }


def find_distribution(name: str, installed: Installed | None = None) -> Vendored:
    """A distribution's name, or that of a module -> Vendored; InputError if it cannot be taken."""
    found = _find(name, installed or Installed())
    _refuse_editable(found)
    files = tuple(path for path in found.files if (found.folder / path).is_file())
    _refuse_programs(found, files)
    replaced = tuple(path for path in files if is_compiled(path) and _name_source(path) in files)
    notices = _list_notices(found, files)
    without = {*replaced, *notices}
    kept = tuple(path for path in files if not (path in without or path.endswith(_LEFT_OVER)))
    return Vendored(
        name=found.name,
        version=found.version,
        licence=_read_licence(found),
        folder=found.folder,
        files=kept,
        compiled=tuple(path for path in kept if is_compiled(path)),
        replaced=replaced,
        notices=notices,
        tops=tuple(found.tops),
        plugins=_list_plugins(found),
    )


def _find(name: str, installed: Installed) -> Distribution:
    known = installed.by_name
    if normalize_name(name) in known:
        return known[normalize_name(name)]
    if not re.fullmatch(r"[\w.-]+", name):
        cure = "give its name alone; the version that is installed is taken"
        raise InputError("bundle", f"--vendor {name} is no distribution's name; cure: {cure}")
    if name in sys.stdlib_module_names:
        cure = f"leave out --vendor {name}"
        raise InputError("bundle", f"{name} is in the standard library; cure: {cure}")
    providers = installed.find_providers(name)
    if len(providers) == 1:
        return providers[0]
    if providers:
        cure = " or ".join(f"--vendor {one.name}" for one in providers)
        raise InputError("bundle", f"{name} is a module of several distributions; cure: {cure}")
    wanted = name_known_distribution(name) or normalize_name(name)
    near = find_nearest(normalize_name(name), known, 0.7)
    cure = (f"did you mean --vendor {near}? If not, " if near else "") + f"pip install {wanted}"
    raise InputError("bundle", f"no distribution {name} is installed; cure: {cure}")


def _refuse_editable(found: Distribution) -> None:
    """Refuse one whose files lie in a folder of sources, to which its folder only points."""
    is_developed = found.info.suffix == ".egg-info" and not (
        found.read("installed-files.txt") or found.folder.name.endswith("-packages")
    )
    if not is_developed and not found.origin.get("dir_info", {}).get("editable"):
        return
    folder = found.folder if is_developed else _find_sources(found)
    what = f"{found.name} is installed in editable mode: its sources are your own"
    raise InputError("bundle", f"{what}; cure: --path {folder}")


def _find_sources(found: Distribution) -> Path:
    """An editable distribution -> the folder that its .pth file names, or else its project."""
    for path in found.recorded:
        if path.endswith(".pth"):
            file = found.folder / path
            lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
            folders = [Path(line) for line in lines if line and Path(line).is_dir()]
            if folders:
                return folders[0]
    project = Path(unquote(urlsplit(found.origin.get("url", "")).path))
    return project / "src" if (project / "src").is_dir() else project


def _refuse_programs(found: Distribution, files: tuple[str, ...]) -> None:
    """Refuse a wheel for one kind of machine that holds programs, which nothing can replace."""
    tags = re.findall(r"(?m)^Tag: .*-(\S+)$", found.read("WHEEL"))
    if not tags or "any" in tags:
        return
    outside = [path for path in found.recorded if path.startswith("../")]
    for path in (*outside, *(path for path in files if not is_compiled(path))):
        if not path.endswith(".py") and _is_program(found.folder / path):
            what = f"{found.name} holds a program for {tags[0]}, {path.removeprefix('../')}"
            raise InputError("bundle", f"{what}; cure: {tell_cure(found.name, found.tops)}")


def _is_program(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(4).startswith(_PROGRAMS)
    except OSError:
        return False


def tell_cure(name: str, tops: tuple[str, ...] | list[str]) -> str:
    """(distribution, its top-level names) -> what to do where it cannot be taken in."""
    if not KAGGLE_MODULES.isdisjoint(tops):
        return f"leave out --vendor {name}: Kaggle's image has it"
    external = " ".join(f"--external {top}" for top in tops)
    told = f"leave out --vendor {name}, attach its wheel as a Kaggle dataset and pip install that"
    return f"{told}; {external} leaves it out of the bundle" if external else told


def _name_source(path: str) -> str:
    """A compiled module -> where a .py with the same contents would lie, as mypyc leaves it."""
    base, slash, name = path.rpartition("/")
    return f"{base}{slash}{name.partition('.')[0]}.py"


def _list_notices(found: Distribution, files: tuple[str, ...]) -> tuple[str, ...]:
    """A distribution -> paths of its metadata and of its licence texts, wherever they lie."""
    own = found.info.relative_to(found.folder).as_posix()
    if not found.info.is_dir():
        return (own,)
    lying = sorted(path for path in found.info.rglob("*") if path.is_file())
    wanted = {"METADATA", "PKG-INFO", "entry_points.txt"}
    kept = {f"{own}/{name}" for name in wanted if (found.info / name).is_file()}
    for file in lying:
        inner = file.relative_to(found.info)
        if inner.parts[0] in ("licenses", "license_files") or _is_notice(file.name):
            kept.add(f"{own}/{inner.as_posix()}")
    for path in files:
        if _is_notice(path.rpartition("/")[2]):
            kept.add(path)
    return tuple(sorted(kept))


def _is_notice(name: str) -> bool:
    match = _NOTICE.match(name)
    rest = name[match.end() :] if match else "x"
    return rest[:1] in ("", ".", "-", "_") and not name.endswith(_NO_NOTICE)


def _read_licence(found: Distribution) -> str:
    """The licence that the metadata state, in the order of trust that PEP 639 gives them."""
    stated = (found.metadata["License-Expression"] or found.metadata["License"] or "").strip()
    if stated and "\n" not in stated and stated != "UNKNOWN" and len(stated) <= 80:
        return stated
    labels = found.metadata.get_all("Classifier", [])
    kinds = [one.split(" :: ")[-1] for one in labels if one.startswith("License :: ")]
    return ", ".join(kinds) or stated.split("\n")[0][:80].strip()


def _list_plugins(found: Distribution) -> tuple[str, ...]:
    """The modules named by entry_points.txt, but those of commands."""
    group, named = "", set()
    for line in found.read("entry_points.txt").splitlines():
        heading = re.fullmatch(r"\s*\[(.+)\]\s*", line)
        group = heading[1].strip() if heading else group
        target = re.fullmatch(r"[^=#;]+=\s*([\w.]+).*", line)
        if target and group not in _SCRIPTS:
            named.add(target[1])
    return tuple(sorted(named))
