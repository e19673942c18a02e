"""Run the variants of a packed kernel side by side, each in a process and folders of its own.

The kernel's script is started once more for each variant. Each has its share of the GPUs or of the
cores, and its lines in the log begin with its name. Only packed kernels hold this module.
"""

import os
import queue
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lib.base.exit_codes import run_for_exit_code
from lib.base.log import log
from lib.base.places import check_output_folder
from lib.base.run_files import MANIFEST
from lib.kernel.configuration.folders import Folders, find_folders
from lib.kernel.report.manifest import write_manifest

VARIANT = "KERNEL_VARIANT"  # in the environment of a variant's process: its name
_GRACE_S = 4.0  # for variants to end in good order, once this process is asked to
_THREADS, _GPUS = "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"

Ending = dict[str, object]  # valid, exit_code, error
Line = tuple[int, str]  # 1 for stdout, 2 for stderr, and what a variant wrote there


@dataclass
class Variant:
    """A variant's process, and what it said of its end."""

    name: str
    output: Path
    process: "subprocess.Popen[bytes]"
    errors: list[str] = field(default_factory=list)  # last lines of stderr

    def describe(self) -> Ending:
        """Return how it ended, with the line of its error."""
        code = self.process.wait()
        is_valid = code == 0 and (self.output / MANIFEST).is_file()
        told = [line for line in self.errors if line.startswith("error:")] or self.errors
        silent = f"signal {-code} ended it" if code < 0 else "it said nothing"
        error = "" if is_valid else (told[-1:] or [silent])[0]
        return {"valid": is_valid, "exit_code": code, "error": error}


def end_with_starter() -> None:
    """Let a variant's process end as soon as the one that started it does, however it may.

    The other end of stdin is that process's alone.
    """
    if not os.environ.get(VARIANT) or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    pipe = os.dup(0)
    with open(os.devnull, "rb") as nothing:  # workers of this process do not hold it
        os.dup2(nothing.fileno(), 0)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="starter", daemon=True).start()


def run_side_by_side(
    script: str, names: Sequence[str], bundle_sha256: str, debug: bool = False
) -> int:
    """Run all variants of this script at once; return 0 where at least one of them is valid.

    The others are named in the log and in run_manifest.json, which lists the files of all.
    """

    words = [sys.executable, *(["-I"] if sys.flags.isolated else []), "-u", script]
    words += ["--debug"] if debug else []

    def work() -> int:
        from lib.kernel.report.provenance import locked  # imports torch, as counting GPUs does

        folders = find_folders()
        for folder in (folders.output, folders.scratch):
            check_output_folder("output", folder)
        with locked(folders.scratch):
            ends = _run_all(words, names, folders)
            for name, end in ends.items():
                told = f"failed with exit code {end['exit_code']}: {end['error']}"
                log("pack", f"{name} is complete" if end["valid"] else f"warning: {name} {told}")
            write_manifest(folders.output, {"bundle_sha256": bundle_sha256, "variants": ends})
        return 0 if any(end["valid"] for end in ends.values()) else 1

    return run_for_exit_code(work, debug, shows_faults=True)


def share_machine(count: int, gpus: int, environment: dict[str, str]) -> list[dict[str, str]]:
    """(variants, GPUs that torch sees, environment) -> the variables of each variant's share.

    Fewer GPUs than variants are used by all of them. Threads are shared unless they were given.
    """
    told = [name for name in environment.get(_GPUS, "").split(",") if name]
    ids = told[:gpus] if told else [str(number) for number in range(gpus)]
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    threads = environment.get(_THREADS) or str(max(1, cores // count))
    shares = [{_THREADS: threads} for _ in range(count)]
    if len(ids) >= count:
        for number, share in enumerate(shares):
            own = ids[len(ids) * number // count : len(ids) * (number + 1) // count]
            share[_GPUS] = ",".join(own)
    return shares


def _run_all(words: list[str], names: Sequence[str], folders: Folders) -> dict[str, Ending]:
    """Run the command once for each name, at the same time; return how each run ended."""
    shares = share_machine(len(names), _count_gpus(), dict(os.environ))
    variants: list[Variant] = []
    try:
        for name, share in zip(names, shares, strict=True):
            variants.append(_start(words, name, folders, share))
        _print_lines(variants)
    finally:
        _end_all(variants)
    return {variant.name: variant.describe() for variant in variants}


def _count_gpus() -> int:
    import torch  # slow to import, and needed only here

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _start(words: list[str], name: str, folders: Folders, share: dict[str, str]) -> Variant:
    """Start this script once more, for one variant."""
    output, told = folders.output / name, [f"{share[_THREADS]} threads"]
    if _GPUS in share:
        told.append(f"GPU {share[_GPUS]}")
    log("pack", f"{name} runs with {', '.join(told)}; its files go into {output}")
    places = {
        VARIANT: name,
        "KERNEL_INPUT": str(folders.input),
        "KERNEL_OUTPUT": str(output),
        "KERNEL_SCRATCH": str(folders.scratch / name),
    }
    process = subprocess.Popen(
        words,
        env={**os.environ, **share, **places},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return Variant(name, output, process)


def _end_all(variants: list[Variant]) -> None:
    """End the processes that still run, whatever ended this one's wait for them."""
    for variant in variants:
        variant.process.terminate()  # nothing where it has ended
    for variant in variants:
        try:
            variant.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            variant.process.kill()
            variant.process.wait()


def _print_lines(variants: list[Variant]) -> None:
    """Print all lines of all variants as they come, until the last one has closed its streams."""
    lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
    for variant in variants:
        for number, stream in ((1, variant.process.stdout), (2, variant.process.stderr)):
            given = (variant, number, stream, lines)
            threading.Thread(target=_pass_on, args=given, daemon=True).start()
    ended = 0
    while ended < 2 * len(variants):
        line = lines.get()
        if line is None:
            ended += 1
        else:
            print(line[1], file=(sys.stdout, sys.stderr)[line[0] - 1], flush=True)


def _pass_on(
    variant: Variant, number: int, stream: IO[bytes], lines: "queue.SimpleQueue[Line | None]"
) -> None:
    for line in stream:
        text = line.decode(errors="replace").rstrip()
        if number == 2 and text:
            variant.errors = [*variant.errors, text][-20:]
        lines.put((number, f"{variant.name} | {text}"))
    lines.put(None)
