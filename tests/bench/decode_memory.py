"""Ordinary and hostile shards -> the most memory of `build.py decode`, in all its processes.

    python -m tests.bench.decode_memory [--only WORD] [--limit-gb N]

Each input is decoded by a process of its own. Its memory is the PSS of all its processes together,
sampled as fast as /proc gives it; pages that several share are counted once.
"""

import argparse
import base64
import gzip
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from lib.base.tables import format_table
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.bench.peak_memory import sum_pss

_ROOT = Path(__file__).parents[2]
_PAUSE_S = 0.02  # between two samples
_MB = 1e6


def main() -> None:
    """Command line -> a table of all inputs: peak memory, seconds, exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="inputs whose name has it")
    parser.add_argument("--limit-gb", type=int, default=4, help="address space of a process")
    options = parser.parse_args()
    rows = [("input", "peak MB", "seconds", "exit", "kept")]
    for name, make in CASES.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch, "in")
            source.mkdir()
            make(source)
            started = time.monotonic()
            peak, code, kept = measure_decode(source, Path(scratch, "out"), options.limit_gb << 30)
            seconds = f"{time.monotonic() - started:.1f}"
        rows.append((name, f"{peak / _MB:,.0f}", seconds, str(code), kept))
        print(f"{name}: {peak / _MB:,.0f} MB, {seconds} s, exit {code}, kept {kept}", flush=True)
    print(format_table(rows, right=(1, 2, 3, 4)))


def measure_decode(source: Path, target: Path, limit: int) -> tuple[int, int, str]:
    """(input, output, address space) -> (peak PSS in bytes, exit code, pictures kept)."""
    command = [
        sys.executable,
        "build.py",
        "decode",
        "--input",
        source,
        "--output",
        target,
        "--json",
    ]
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum_pss(process.pid))
            time.sleep(_PAUSE_S)
        assert process.stdout is not None
        answer = process.stdout.read().decode()
    try:
        kept = f"{json.loads(answer[answer.index('{') :])['kept']:,}"
    except ValueError:
        kept = "-"
    return peak, process.returncode, kept


def _write_records(folder: Path, count: int) -> None:
    """Write ordinary records: a few thousand, over and over with ids of their own."""
    write_shards(look_alike(5_000, 0), folder / "few", 0)
    lines = [line for path in sorted(folder.rglob("data.jsonl")) for line in path.open("rb")]
    for number, start in enumerate(range(0, count, len(lines))):
        place = folder / f"shard_{number:03}"
        place.mkdir()
        with (place / "data.jsonl").open("wb") as file:
            for line in lines[: count - start]:
                file.write(line.replace(b"train-", b"train-%d-" % number))
    for path in (folder / "few").rglob("data.jsonl"):
        path.unlink()


def _encode(picture: Image.Image, **options: object) -> str:
    packed = io.BytesIO()
    picture.save(packed, "PNG", **options)
    return base64.b64encode(packed.getvalue()).decode()


def _record(picture: Image.Image) -> bytes:
    return json.dumps({"id": "a", "img_b64": _encode(picture)}).encode() + b"\n"


_SOUND = _record(Image.linear_gradient("L").resize((32, 32)))


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _nest(folder: Path) -> None:
    """Three zips, each of which holds a zip of 700 MB that packs to little."""
    filler = bytes(1 << 20)
    for number in range(3):
        with zipfile.ZipFile(folder / f"{number}.zip", "w", zipfile.ZIP_DEFLATED) as outer:
            info = zipfile.ZipInfo("inner.zip")
            info.compress_type = zipfile.ZIP_DEFLATED
            with (
                outer.open(info, "w", force_zip64=True) as target,
                zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as inner,
            ):
                inner.writestr("data.jsonl", _SOUND)
                with inner.open("filler.bin", "w", force_zip64=True) as member:
                    for _ in range(700):
                        member.write(filler)


def _write(name: str, pieces: Callable[[], Iterator[bytes]]) -> Callable[[Path], None]:
    """(file's name, pieces of its unpacked bytes) -> what writes it beside a sound record."""

    def make(folder: Path) -> None:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(folder / name, "wb") as file:
            for piece in pieces():
                file.write(piece)
            file.write(_SOUND)

    return make


def _repeat(line: bytes, count: int) -> Callable[[], Iterator[bytes]]:
    return lambda: (line for _ in range(count))


def _fill(
    start: str, middle: str, end: str, size: int = 30 << 20, count: int = 4
) -> Callable[[], Iterator[bytes]]:
    """(begin, what is repeated, end of a line) -> some lines of about that many bytes."""
    return lambda: (
        f"{start}{middle * (size // len(middle.encode()))}{end}\n".encode() for _ in range(count)
    )


def _write_directory(name: bytes) -> Callable[[Path], None]:
    """A pattern of names -> what writes a zip whose directory names a million files."""

    def make(folder: Path) -> None:
        length = len(name % 0).to_bytes(2, "little")
        entry = b"PK\x01\x02" + bytes(24) + length + bytes(16)
        directory = b"".join(entry + name % number for number in range(1_000_000))
        end = b"PK\x05\x06" + bytes(8) + len(directory).to_bytes(4, "little") + bytes(6)
        (folder / "many.zip").write_bytes(directory + end)
        (folder / "data.jsonl").write_bytes(_SOUND)

    return make


def _transparent(side: int, count: int) -> Callable[[Path], None]:
    line = _record(Image.new("RGBA", (side, side)))
    return _write("data.jsonl.gz", _repeat(line, count))


_EMOJI = "\U0001f600"
CASES: dict[str, Callable[[Path], None]] = {
    "60,000 records": lambda folder: _write_records(folder, 60_000),
    "600,000 records": lambda folder: _write_records(folder, 600_000),
    "10,000 transparent RGBA of 128 px": _transparent(128, 10_000),
    "200 transparent RGBA of 2,048 px": _transparent(2048, 200),
    "40 transparent RGBA of 4,096 px": _transparent(4096, 40),
    "three zips of 700 MB in zips": _nest,
    "ids of 30 MB": _write("data.jsonl.gz", _fill('{"id": "', "x", '"}')),
    "ids of 30 MB, emoji": _write("data.jsonl.gz", _fill('{"id": "', _EMOJI, 'x"}')),
    "ids of 30 MB, one emoji": _write("data.jsonl.gz", _fill('{"id": "' + _EMOJI, "x", '"}')),
    "ids of 7 MB": _write("data.jsonl.gz", _fill('{"id": "', "x", '"}', 7 << 20, 20)),
    "11 million lines of 1": _write("data.jsonl.gz", _repeat(b"1\n" * 100_000, 110)),
    "50 million blank lines": _write("data.jsonl.gz", _repeat(b"\n" * 1_000_000, 50)),
    "lists in a line of 30 MB": _write("data.jsonl.gz", _fill("[", "[],", "1]")),
    "objects in a line of 30 MB": _write("data.jsonl.gz", _fill("[", '{"a":1},', "1]")),
    "keys in a line of 30 MB": _write("data.jsonl.gz", lambda: iter([
        b"{" + b",".join(b'"%d":0' % n for n in range(2_500_000)) + b"}\n"] * 3)),
    "images of 30 MB, no image": _write("data.jsonl.gz", _fill('{"img_b64": "', "A", '"}')),
    "images of 30 MB, blanks": _write("data.jsonl.gz", _fill('{"img_b64": "', "A ", _EMOJI + '"}')),
    "a line of 3 GB": _write("data.jsonl.gz", _repeat(b"x" * 1_000_000, 3_000)),
    "a zip of a million files": _write_directory(b"%010d.png"),
    "a zip of a million shards": _write_directory(b"%010d.jsonl.gz"),
}  # fmt: skip


if __name__ == "__main__":
    main()
