"""A target, cases and a seed -> its findings: one small input for each kind of fault.

With atheris new coverage leads the way. Without it, seeds are changed at random.
"""

import contextlib
import gc
import json
import random
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fuzz.targets import Target

_SHRINKS = 400  # tries to make a finding smaller
_SLOW_S = 4.0  # of this process's CPU time for one case


@dataclass
class Findings:
    """Faults of one target, the smallest input of each kind, in a folder of their own."""

    name: str
    target: Target
    folder: Path
    kinds: dict[str, int] = field(default_factory=dict)  # kind of fault -> bytes of its input
    cases: int = 0

    def try_case(self, data: bytes) -> None:
        """Check one input and keep it where it shows a new kind of fault."""
        self.cases += 1
        fault = self._find_fault(data)
        if fault is None:
            return
        kind, told = fault
        if kind not in self.kinds:
            self.kinds[kind] = len(data)
            small = self._shrink(data, kind)
            self.kinds[kind] = len(small)
            self._keep(small, kind, told)

    def _find_fault(self, data: bytes) -> tuple[str, str] | None:
        started = time.process_time()
        try:
            self.target.check(data)
        except Exception as error:  # whatever it is, it is the finding
            return _name_fault(error), traceback.format_exc()
        spent = time.process_time() - started
        return (f"slow: over {_SLOW_S:g} s", f"{spent:.1f} s") if spent > _SLOW_S else None

    def _shrink(self, data: bytes, kind: str) -> bytes:
        """Cut pieces out of an input as long as it shows the same kind of fault."""
        if kind.startswith("slow"):
            return data
        step, place, tries = max(1, len(data) // 2), 0, 0
        while step and tries < _SHRINKS:
            shorter = data[:place] + data[place + step :]
            tries += 1
            fault = self._find_fault(shorter)
            if fault is not None and fault[0] == kind:
                data = shorter
            else:
                place += step
            if place >= len(data):
                step, place = step // 2, 0
        return data

    def _keep(self, data: bytes, kind: str, told: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / f"{self.name}-{len(self.kinds)}"
        stem.with_suffix(".bin").write_bytes(data)
        stem.with_suffix(".txt").write_text(
            f"{kind}\n\n{data[:600]!r}\n\n{told}", "utf-8", "replace"
        )
        print(f"fuzz: {self.name}: {kind} ({len(data)} bytes, {stem.name})", file=sys.stderr)


def run_plainly(findings: Findings, cases: int, seed: int) -> None:
    """Check the seeds, then changes of them and of what became of them."""
    draw = random.Random(seed)
    pool = list(findings.target.make_seeds())
    for data in pool[:cases]:
        findings.try_case(data)
    while findings.cases < cases:
        data = pool[draw.randrange(len(pool))]
        for _ in range(1 + int(draw.expovariate(0.7))):
            data = findings.target.mutate(data, draw)[: findings.target.longest]
        findings.try_case(data)
        if draw.random() < 0.02:
            pool.append(data)


def run_guided(findings: Findings, cases: int, seed: int, work: Path) -> None:
    """Let atheris lead; it ends the process, so numbers are written as they come."""
    import atheris

    corpus = work / "corpus" / findings.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(findings.target.make_seeds()):
        (corpus / f"seed-{number:03}").write_bytes(data)
    dictionary = work / f"{findings.name}.dict"
    words = ("".join(f"\\x{byte:02x}" for byte in token) for token in findings.target.tokens)
    dictionary.write_text("".join(f'"{word}"\n' for word in words))
    started = time.monotonic()

    def try_one(data: bytes) -> None:
        findings.try_case(data)
        if findings.cases % 500 == 0 or findings.cases >= cases:
            write_numbers(work, findings, time.monotonic() - started, "atheris")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        if seed % 4 == 0:
            return atheris.Mutate(data, most)
        draw = random.Random(seed)
        for _ in range(1 + seed // 4 % 2):
            data = findings.target.mutate(data, draw)
        return data[:most]

    options = [
        *(f"-runs={cases}", f"-seed={seed}", f"-max_len={findings.target.longest}", "-timeout=60"),
        *(
            "-rss_limit_mb=3000",
            f"-artifact_prefix={findings.folder}/{findings.name}-",
            "-verbosity=1",
        ),
        *(f"-dict={dictionary}", "-len_control=0", str(corpus)),
    ]
    findings.folder.mkdir(parents=True, exist_ok=True)
    gc.freeze()
    atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=mutate)
    atheris.Fuzz()


@contextlib.contextmanager
def instrumenting() -> Iterator[bool]:
    """Let atheris instrument what is imported in the block; yield whether it is installed."""
    try:
        import atheris
    except ImportError:
        yield False
        return
    with atheris.instrument_imports(include=["lib", "PIL"]):
        yield True


def write_numbers(work: Path, findings: Findings, seconds: float, by: str) -> None:
    """Write what a target did so far to a file that the parent process reads."""
    numbers: dict[str, Any] = {"cases": findings.cases, "seconds": seconds, "by": by}
    path = work / f"{findings.name}.json"
    path.write_text(json.dumps({**numbers, "kinds": findings.kinds}))


def _name_fault(error: Exception) -> str:
    """An exception -> its kind: the type, and the deepest place in lib/, or what was asserted."""
    if isinstance(error, AssertionError):
        return f"AssertionError: {str(error).splitlines()[0] if str(error) else 'no message'}"
    places = [place for place in _list_places(error.__traceback__) if "/lib/" in place]
    deepest = places[-1].rpartition("/lib/")[2] if places else "outside of lib"
    return f"{type(error).__name__} in {deepest}"


def _list_places(trace: TracebackType | None) -> Iterator[str]:
    for frame, line in traceback.walk_tb(trace):
        if (
            "site-packages" not in frame.f_code.co_filename
            and "/python3" not in frame.f_code.co_filename
        ):
            yield f"{frame.f_code.co_filename}:{line}"
