"""`build.py new`: a competition's name -> a skeleton that builds, runs and is tested at once."""

import argparse
import json
import keyword
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lib.base.errors import InputError
from lib.base.places import check_output_folder
from lib.bundler.analysis.kaggle_packages import name_origin
from lib.commands.options import Command
from lib.commands.terminal.help_text import DATA, find_group, tell
from lib.kaggle.metadata import slugify
from lib.kaggle.workspace import ROOT

_RULE = (
    "a name of 2 to 40 characters: a-z, 0-9 and single dashes or underscores between them, "
    "first a letter"
)
_BUILD_PY = "../../../build.py"  # as the skeleton names it where it lies
_KINDS = ("images", "script")
# Lines that import from here: the new name changes their order.
_OWN_IMPORTS = re.compile(r"(^from (lib|tests)\.\S+ import .+\n)+", re.MULTILINE)
_TEXTS = (".py", ".md", ".json", ".csv", ".toml")


@dataclass(frozen=True)
class Copy:
    """One folder of a skeleton, and the new folder that is made of it."""

    source: Path
    target: Path


def check_name(name: str, kind: str) -> str:
    """Return a name that a folder, a module and a kernel can have; refuse any other."""
    sound = re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) and 2 <= len(name) <= 40
    if not sound:
        better = slugify(name)[:40].strip("-")
        is_cure = re.fullmatch(r"[a-z].+", better)
        cure = f"python build.py new {better if is_cure else 'my-competition'} --kind {kind}"
        raise InputError(
            "new", "the name cannot be used", expected=_RULE, got=repr(name), cure=cure
        )
    module = name.replace("-", "_")
    found = find_spec(module)
    # A folder without __init__.py, which has no origin, hides no module.
    known = name_origin(module) != "not known on Kaggle" or (found and found.origin)
    if keyword.iskeyword(module) or known:
        raise InputError(
            "new",
            "the name is taken by Python, a package or this repository",
            expected="a name that no module has",
            got=repr(name),
            cure=f"python build.py new {name}-competition --kind {kind}",
        )
    return name


def list_copies(name: str, kind: str) -> list[Copy]:
    """A checked name and a kind -> what is copied where; refuse a name that is there already."""
    source, module = ROOT / "kernel_template" / "skeletons" / kind, name.replace("-", "_")
    if kind == "script":
        copies = [Copy(source, Path(name))]
    else:
        copies = [
            Copy(source / "competition", ROOT / "lib" / "kernel" / "competition" / module),
            Copy(source / "tests", ROOT / "tests" / "kernel" / "competition" / module),
        ]
    for copy in copies:
        for place in (copy.target, copy.target.with_name(f"{copy.target.name}.py")):
            if os.path.lexists(place):
                raise InputError(
                    "new",
                    "there is something of that name already, and nothing is overwritten",
                    got=str(place.absolute()),
                    cure="give another name, or move that away",
                )
        check_output_folder("new", copy.target)
    return copies


def write_copies(copies: list[Copy], name: str) -> list[Path]:
    """Write each copy under a hidden name, then give all their own; leave all or nothing.

    Returns the files that were written.
    """
    hidden = [copy.target.with_name(f".{copy.target.name}.{os.getpid()}.part") for copy in copies]
    made: list[Path] = []
    try:
        for copy, place in zip(copies, hidden, strict=True):
            place.mkdir(parents=True)
            made.append(place)
            for file in _list_files(copy.source):
                path = place / _fill_in(file.relative_to(copy.source).as_posix(), name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_fill_in(file.read_text("utf-8"), name, path.suffix), "utf-8")
        for copy, place in zip(copies, hidden, strict=True):
            place.rename(copy.target)
            made.append(copy.target)
    except BaseException:
        for place in made:
            shutil.rmtree(place, ignore_errors=True)
        raise
    return [path for copy in copies for path in _list_files(copy.target)]


def _list_files(folder: Path) -> list[Path]:
    """A skeleton's folder -> its files, without what running it left there."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in _TEXTS)
    left = {"__pycache__", "build", "submission.csv"}
    return [path for path in found if not left & set(path.relative_to(folder).parts)]


def _fill_in(text: str, name: str, suffix: str = "") -> str:
    """A text of the skeleton -> the same with the new name in it, and the path of build.py."""
    words = re.split("[-_]", name)
    build_py = str(ROOT / "build.py")
    in_python = {f'"{_BUILD_PY}"': json.dumps(build_py, ensure_ascii=False)}
    places = in_python if suffix == ".py" else {_BUILD_PY: shlex.quote(build_py)}
    names = {
        "kernel_template.skeletons.images.competition": f"lib.kernel.competition.{'_'.join(words)}",
        "my-competition": "-".join(words),
        "my_competition": "_".join(words),
        "My Competition": " ".join(words).title(),
    }
    for old, new in {**places, **names}.items():
        text = text.replace(old, new)
    return _OWN_IMPORTS.sub(lambda found: "".join(sorted(found[0].splitlines(True))), text)


def list_next_steps(name: str, kind: str) -> list[str]:
    """A name and a kind -> the commands to type next, for the Python that runs this one."""
    is_usual = shutil.which("python") == sys.executable
    python = "python" if is_usual else shlex.quote(sys.executable)
    if kind == "script":
        build_py = shlex.quote(str(ROOT / "build.py"))
        return [
            f"cd {name}",
            f"{python} kernel.py",
            f"{python} {build_py} bundle kernel.py -o build/kernel.py",
            f"{python} -I build/kernel.py",
            f"{python} -m pytest .",
        ]
    option = name.replace("_", "-")
    enter = [] if Path.cwd() == ROOT else [f"cd {shlex.quote(str(ROOT))}"]
    return [
        *enter,
        f"{python} -m pytest tests/kernel/competition/{name.replace('-', '_')}",
        f"{python} build.py --competition {option}",
        f"{python} build.py run --competition {option} --input DATA --output build/{option}",
        f"{python} -m tests.draw_house",
    ]


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = find_group(parser, DATA)
    group.add_argument("name", metavar="NAME", help="the competition's, such as house-prices")
    words = "images: in this repository; script: a folder here, for anything else"
    group.add_argument("--kind", default=_KINDS[0], choices=_KINDS, help=tell(words, _KINDS[0]))


def _run(options: argparse.Namespace) -> int:
    name = check_name(options.name, options.kind)
    files = write_copies(list_copies(name, options.kind), name)
    print("\n".join(str(path) for path in files))
    rewrite = "solution/" if options.kind == "script" else "read_pictures of competition.py"
    print(f"yours to rewrite: {rewrite}; see docs/ANOTHER_COMPETITION.md")
    print("next:")
    print("\n".join(f"  {step}" for step in list_next_steps(name, options.kind)))
    return 0


NEW = Command(
    "new",
    "write a skeleton for another competition, ready to run",
    _add_options,
    _run,
    (
        ("new cat-pictures", "pictures come in, pictures go out: in this repository"),
        ("new house-prices --kind script", "anything else: a folder of its own, here"),
    ),
)
