"""Check the file that a fetched run leaves to submit, by its hash and by the project's own check.

The check runs in a process of its own, in the project's folder: its modules may have the names of
ours, nothing that it imports stays, and no variable KAGGLE_... reaches it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, PipelineError, find_nearest
from lib.base.files import read_object, sha256_file
from lib.base.log import log
from lib.base.run_files import MANIFEST
from lib.kaggle.client.secrets import clean_line, clean_words
from lib.kaggle.client.submissions import Checked
from lib.kaggle.workspace import Workspace

# (mark of the answer's line, project's folder, module, function, file or "") -> the answer
_CHILD = """
import importlib, inspect, json, os, sys
from pathlib import Path

first = os.getpid()
mark, root, module, function, file = sys.argv[1:]
sys.path.insert(0, root)


def find():
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        parts = module.split(".")
        if error.name in [".".join(parts[: end + 1]) for end in range(len(parts))]:
            return None, ["missing", error.name]
        return None, ["broken", f"{type(error).__name__}: {error}"]
    except BaseException as error:
        return None, ["broken", f"{type(error).__name__}: {error}"]
    for name in function.split("."):
        if not hasattr(found, name):
            return None, ["absent", name, *(each for each in dir(found) if each[0] != "_")]
        found = getattr(found, name)
    if not callable(found):
        return None, ["no function", type(found).__name__]
    return found, ["ok"]


call, answer = find()
if call and file:
    try:
        told = call(Path(file))
        if told is False:
            answer = ["failed", "it returned False, which refuses nothing"]
        elif inspect.isawaitable(told) or inspect.isgenerator(told) or inspect.isasyncgen(told):
            answer = ["failed", f"it returned a {type(told).__name__} and looked at nothing"]
        elif told is not None and told is not True:
            print(f"warning: it returned {type(told).__name__}, which refuses nothing")
    except ValueError as error:
        answer = ["refused", str(error) or type(error).__name__]
    except BaseException as error:
        answer = ["failed", f"{type(error).__name__}: {error}"]
if os.getpid() == first:  # a process that the check forked has nothing to say
    sys.stdout.flush()
    print("\\n" + mark + json.dumps(answer), flush=True)
"""


def try_check(work: Workspace, secrets: Iterable[str] = ()) -> None:
    """Raise InputError unless the project's check can be imported and called; call it not yet."""
    if work.check:
        _demand_callable(work, _ask(work, "", secrets))


def check_output(work: Workspace, ref: str, version: int, secrets: Iterable[str] = ()) -> Checked:
    """Check the file that a version left to submit; raise PipelineError unless it may go out.

    It must be the one that was fetched, and a manifest that came with it must list it. The
    project's check, where it names one, must accept it.
    """
    secrets = list(secrets)
    folder = work.locate_run(ref, version)
    path = folder / work.submission
    if not path.is_file():
        made = ", ".join(sorted(each.name for each in folder.glob("*") if each.is_file())[:5])
        cure = 'name the right one: submission = "NAME" in [tool.kernelpress] of pyproject.toml'
        what = f"the run left no {work.submission}"
        raise PipelineError("submit", what, got=clean_words(made, secrets) or "none", cure=cure)
    digest = sha256_file(path)
    _compare_hashes(work, ref, version, path, digest)
    if work.check:
        answer = _ask(work, str(path.absolute()), secrets)
        _demand_callable(work, answer)
        _demand_accepted(work, path, answer, secrets)
        contents = f"accepted by {work.check}"
    elif not path.stat().st_size:
        cure = "nothing was submitted; mend the program and push again"
        raise PipelineError("submit", f"the run left an empty {work.submission}", cure=cure)
    else:
        log("submit", "warning: the project names no check, so the file goes out as it is")
        contents = f"{path.stat().st_size:,} bytes"
    push = work.find_push(ref, version)
    bundle = str((push or {}).get("bundle_sha256") or "")[:12]
    origin = f"made by bundle {bundle}" if bundle else "made by a version pushed from elsewhere"
    return Checked(path, digest, contents, origin)


def _compare_hashes(work: Workspace, ref: str, version: int, path: Path, digest: str) -> None:
    """Raise PipelineError unless a file is the one that was fetched and that the run wrote."""
    cure = work.name_command(f"fetch {ref.split('/')[1]}/{version}") + " fetches it anew"
    fetched = work.find_event("fetch", ref, version) or {}
    if fetched.get("submission_sha256") != digest:
        raise PipelineError(
            "submit",
            f"{path.name} is not the file that was fetched",
            expected=str(fetched.get("submission_sha256") or "a hash in the ledger")[:20],
            got=digest[:12],
            cure=cure,
        )
    manifest = read_object(path.parents[work.submission.count("/")] / MANIFEST)
    listed = manifest.get("artefacts")
    if not isinstance(listed, dict) or work.submission not in listed:
        log("submit", f"not verified: no {MANIFEST} of the run lists {work.submission}")
    elif listed[work.submission] != digest:
        what = f"{path.name} is not the one that the kernel wrote"
        raise PipelineError("submit", what, got=digest[:12], cure=cure)


def _demand_callable(work: Workspace, answer: Sequence[Any]) -> None:
    """Raise InputError where the answer says that there is no such check."""
    kind, *more = map(str, answer)
    module, _, function = work.check.partition(":")
    cure = 'name another: check = "module:function" in [tool.kernelpress], or --check'
    if kind == "missing":
        near = find_nearest(more[0], [path.stem for path in work.root.glob("*.py")])
        meant = f"did you mean {near!r}? " if near else ""
        what = f"there is no module {more[0]} in the project's folder"
        raise InputError("check", what, got=work.check, cure=meant + cure)
    if kind == "broken":
        what = f"{module} cannot be imported"
        raise InputError("check", what, got=more[0], cure="mend it, or install what it needs")
    if kind == "absent":
        near = find_nearest(more[0], more[1:])
        meant = f"did you mean {near!r}? " if near else ""
        raise InputError("check", f"{module} has no {more[0]}", got=work.check, cure=meant + cure)
    if kind == "no function":
        what = f"{function} of {module} is no function"
        raise InputError("check", what, got=more[0], cure=cure)


def _demand_accepted(
    work: Workspace, path: Path, answer: Sequence[Any], secrets: Iterable[str]
) -> None:
    """Raise PipelineError with the check's own words unless it accepted the file."""
    kind, *more = map(str, answer)
    if kind == "ok":
        return
    words = clean_words(more[0], secrets) if more else "no reason"
    if kind == "refused":
        cure = "nothing was submitted; mend the program and push again"
        raise PipelineError("submit", f"{work.check} refuses {path.name}", got=words, cure=cure)
    cure = f"nothing was submitted; mend {work.check}: it raises ValueError to refuse a file"
    raise PipelineError("submit", f"{work.check} failed on {path.name}", got=words, cure=cure)


def _ask(work: Workspace, file: str, secrets: Iterable[str]) -> list[Any]:
    """Import the check in a process of its own and call it on a file; return its answer.

    What it prints is shown as it comes. Without a file it is only imported.
    """
    module, _, function = work.check.partition(":")
    mark = os.urandom(16).hex()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("KAGGLE_")}
    root = str(work.root.absolute())
    words = [sys.executable, "-P", "-B", "-c", _CHILD, mark, root, module, function, file]
    with subprocess.Popen(
        words,
        cwd=root,
        env={**kept, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        answer: list[Any] | None = None
        try:
            for line in child.stdout:
                if line.startswith(mark):
                    answer = json.loads(line[len(mark) :])
                    break  # a process that it left behind may hold the pipe open
                if line.strip():
                    log("check", clean_line(line.rstrip("\n"), secrets))
        except BaseException:
            child.kill()
            raise
    return answer or ["failed", f"it ended without an answer, exit code {child.returncode}"]
