"""Whatever Kaggle answers -> a result, or an error of two lines; never a credential, no escape.

A case is JSON: the step of the loop, and the server's replies in their order. Requests and answers
pass through the real client; only the network is not there.
"""

import contextlib
import dataclasses
import io
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.commands.on_kaggle import doctor_checks
from lib.kaggle.client.kernels import find_latest_version, get_status, list_outputs
from lib.kaggle.client.save_kernel import VersionSearch, push_kernel
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.client.submissions import (
    count_left,
    demand_score,
    find_submission,
    submit_file,
    submit_kernel,
    wait_for_score,
)
from lib.kaggle.metadata_fields import parse_metadata
from lib.kaggle.recorded_steps import fetch_and_record, watch_and_record
from lib.kaggle.workspace import Workspace
from tests.fuzz.bytes_mutations import mutate_bytes, mutate_json, nest
from tests.fuzz.wire import HASTY, KEY, PAIR, SECRETS, Reply, Wire, open_once
from tests.kaggle_place import METADATA, NO_JOURNAL, REF, make_outputs
from tests.kaggle_state import COMPETITION

_MOST_REQUESTS = 400  # in one step with patience for two tries
_CODES = (200, 201, 204, 206, 302, 307, 308, 400, 401, 403, 404, 409, 416, 429, 500)
_METADATA = parse_metadata(METADATA)
Step = Callable[[KaggleSession, Workspace], object]
STEPS: dict[str, Step] = {
    "status": lambda session, work: get_status(session, REF, 1),
    "outputs": lambda session, work: list_outputs(session, REF, 1),
    "latest": lambda session, work: find_latest_version(session, REF),
    "arrived": lambda session, work: VersionSearch(session, REF, "x", 0).look(),
    "push": lambda session, work: push_kernel(session, _METADATA, "print(1)", 0, NO_JOURNAL),
    "find": lambda session, work: find_submission(session, COMPETITION, "[mark]"),
    "left": lambda session, work: count_left(session, COMPETITION),
    "quota": lambda session, work: list(doctor_checks._examine_quota(session)),
    "submit": lambda session, work: submit_file(
        session, COMPETITION, work.root / "a.csv", "text [mark]", "[mark]", NO_JOURNAL
    ),
    "submit kernel": lambda session, work: submit_kernel(
        session, COMPETITION, REF, 1, "a.csv", "text [mark]", "[mark]", NO_JOURNAL
    ),
    "score": lambda session, work: demand_score(wait_for_score(session, 7)),
    "fetch": lambda session, work: fetch_and_record(work, session, REF, 1),
    "watch": lambda session, work: watch_and_record(work, session, REF, 1),
}
_FILE = {"fileName": "a.txt", "url": "http://localhost/files/a?sig=SIGNED"}
_EVENTS = json.dumps([{"stream_name": "stdout", "time": 9.5, "data": "hello\n"}])
_OUTPUTS = {"files": [_FILE, {**_FILE, "fileName": "run_manifest.json"}], "log": _EVENTS}
_ENTRY = {"ref": 7, "status": "COMPLETE", "publicScore": "0.5", "description": "text [mark]"}
_KERNEL = {"metadata": {"ref": REF, "currentVersionNumber": 1}, "blob": {"source": "x"}}
_SAVED = {"ref": f"/code/{REF}", "url": "https://www.kaggle.com/code/x", "versionNumber": 1}
_REFUSED = {"error": {"code": 403, "message": f"no: {KEY} Basic {PAIR}", "status": "DENIED"}}
_GOOD: dict[str, list[Any]] = {
    "status": [{"status": "ERROR", "failureMessage": "it failed"}],
    "outputs": [{**_OUTPUTS, "nextPageToken": "2"}, _OUTPUTS],
    "latest": [_KERNEL],
    "arrived": [_KERNEL, _KERNEL],
    "push": [_SAVED],
    "find": [{"submissions": [_ENTRY], "nextPageToken": "2"}, {"submissions": [_ENTRY]}],
    "left": [{"numAllowedNow": 3}],
    "quota": [{"quotaRefreshTime": "2030-01-05T00:00:00Z", "gpuQuota": {"timeUsed": "18s"}}],
    "submit": [
        {"token": "t", "createUrl": "http://localhost/upload/1"}, {}, {"submissions": [_ENTRY]},
        {"ref": 8, "message": "taken"},
    ],
    "submit kernel": [{"submissions": []}, {"message": "no"}, {"submissions": [_ENTRY]}],
    "score": [{**_ENTRY, "status": "PENDING"}, _ENTRY],
    "fetch": [{"status": "COMPLETE"}, _OUTPUTS, {"artefacts": {"a.txt": "00"}}, "alpha"],
    "watch": [{"status": "RUNNING"}, _KERNEL, [{"data": "x\n"}], {"status": "ERROR"}, _OUTPUTS],
}  # fmt: skip
KEYS = (
    *(
        "files",
        "fileName",
        "url",
        "log",
        "nextPageToken",
        "ref",
        "status",
        "failureMessage",
        "code",
    ),
    *("message", "error", "submissions", "publicScore", "description", "errorDescription", "token"),
    *("metadata", "blob", "source", "currentVersionNumber", "versionNumber", "createUrl", "title"),
    *("invalidTags", "invalidDatasetSources", "numAllowedNow", "artefacts", "bundle_sha256", "fid"),
    *("gpuQuota", "timeUsed", "totalTimeAllowed", "quotaRefreshTime", "privateScore"),
    *("Location", "Retry-After", "Range", "Content-Range", "Content-Type", "Set-Cookie"),
)
LONGEST = 1 << 13  # bytes of a case
TOKENS = (
    *(f'"{key}"'.encode() for key in KEYS),
    *(KEY.encode(), PAIR.encode(), b"\\u001b[2J", b"\\u2028", b"\\ud800", b"\\n", b"null", b"[]"),
)


@cache
def make_seeds() -> list[bytes]:
    """Each step with the answers that it expects, and with refusals that echo the credentials."""
    seeds = []
    for step, bodies in _GOOD.items():
        seeds.append(_write(step, [[200, {}, body] for body in bodies]))
        seeds.append(_write(step, [[403, {"Retry-After": "1"}, _REFUSED]]))
        seeds.append(_write(step, [[500, {}, "raw:<html>"], [200, {}, bodies[0]]]))
        seeds.append(_write(step, [[302, {"Location": "http://other.example/"}, {}]]))
        seeds.append(_write(step, [[200, {}, f"raw:{nest(2000)}"]]))
    hostile = {"status": "ERROR", "failureMessage": f"a\nb\u001b[2J {KEY}"}
    manifest = json.loads(make_outputs("ab")["run_manifest.json"])
    return [
        *seeds,
        _write("watch", [[200, {}, hostile]]),
        _write("fetch", [[200, {}, hostile], [200, {}, _OUTPUTS], [200, {}, manifest]]),
        _write("push", [[200, {}, {**_SAVED, "error": hostile["failureMessage"]}]]),
        _write("score", [[200, {}, {**_ENTRY, "status": "ERROR", "errorDescription": KEY}]]),
    ]


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Change a case: a reply's body, code or headers, the order of replies, or the bytes."""
    try:
        step, replies = _parse(data)
    except ValueError:
        return mutate_bytes(data, draw, TOKENS)
    chance = draw.random()
    if chance < 0.05:
        return mutate_bytes(data, draw, TOKENS)
    if chance < 0.1:
        step = draw.choice(sorted(STEPS))
    place = draw.randrange(len(replies))
    code, headers, body = replies[place]
    if chance < 0.15:
        code = draw.choice(
            (200, 201, 204, 206, 302, 307, 308, 400, 401, 403, 404, 409, 416, 429, 500)
        )
    elif chance < 0.25:
        names = ("Location", "Retry-After", "Range", "Content-Range", "Content-Type", "Set-Cookie")
        value = draw.choice(
            ("", "1", "9" * 5000, "bytes=0-" + "9" * 5000, "http://o.example/", "x")
        )
        headers = {**headers, draw.choice(names): value}
    elif chance < 0.3:
        other = json.loads(draw.choice(make_seeds()))["replies"]
        replies = [*replies[:place], draw.choice(other), *replies[place + draw.randrange(2) :]]
        return _write(step, replies)
    elif isinstance(body, str) and body.startswith("raw:"):
        body = "raw:" + mutate_bytes(body[4:].encode("utf-8", "replace"), draw, TOKENS).decode(
            "utf-8", "replace"
        )
    else:
        body = mutate_json(body, draw, KEYS)
    return _write(step, [*replies[:place], [code, headers, body], *replies[place + 1 :]])


def check(data: bytes) -> None:
    """Do a step of the loop against the replies; look at the outcome and at all that it says."""
    try:
        step, replies = _parse(data)
    except ValueError:
        step, replies = sorted(STEPS)[len(data) % len(STEPS)], [[200, {}, "raw:" + repr(data)]]
    work = Workspace(_make_root(), HASTY)
    session = dataclasses.replace(open_once(), secrets=list(SECRETS))
    whole = len(data) % 8 == 0 or any(300 <= code < 400 for code, _, _ in replies)
    wire = Wire([_read_reply(*reply) for reply in replies], _MOST_REQUESTS, whole)
    told, said = "", io.StringIO()
    with wire, contextlib.redirect_stdout(said):
        try:
            STEPS[step](session, work)
        except PipelineError as error:
            told = str(error)
    assert len(told.splitlines()) <= 2, f"{step}: an error of more than two lines"
    for text in (told, said.getvalue()):
        assert text.replace("\n", "").isprintable(), f"{step}: control characters"
    assert wire.count < _MOST_REQUESTS, f"{step}: it asks without end"
    assert not wire.leaks, f"{step}: a credential went to another host"
    ledger = work.root / "runs/ledger.jsonl"
    kept = ledger.read_text() if ledger.is_file() else ""
    assert not any(s in f"{told}{said.getvalue()}{kept}" for s in SECRETS), f"{step}: a credential"


def _write(step: str, replies: list[Any]) -> bytes:
    return json.dumps({"step": step, "replies": replies}).encode()


def _parse(data: bytes) -> tuple[str, list[Any]]:
    """A case -> (step, replies of code, headers and body); ValueError where it is none."""
    try:
        case = json.loads(data)
        step, replies = case["step"], case["replies"]
        sound = step in STEPS and all(
            type(code) is int
            and 200 <= code < 600
            and all(isinstance(text, str) for pair in headers.items() for text in pair)
            for code, headers, _ in replies
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("no case") from None
    if not sound or not replies:
        raise ValueError("no case")
    return step, replies


def _read_reply(code: int, headers: dict[str, str], body: Any) -> Reply:
    kept = {"Content-Type": "application/json", **headers}
    clean = {name: value for name, value in kept.items() if (name + value).isascii()}
    clean = {name: value for name, value in clean.items() if (name + value).isprintable()}
    if isinstance(body, str) and body.startswith("raw:"):
        return Reply(body[4:].encode("utf-8", "surrogatepass"), code, clean)
    return Reply(json.dumps(body).encode(), code, clean)


def _make_root() -> Path:
    """Make an empty root with what the steps read, in memory where that is possible."""
    memory = Path("/dev/shm")
    base = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    root = base / f"kernelpress-fuzz-{os.getpid()}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    (root / "kernel-metadata.json").write_text(json.dumps(METADATA))
    (root / "a.csv").write_text("id\n")
    return root
