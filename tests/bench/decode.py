"""60,000 records -> how much faster `build.py decode` is than a plain loop, start-up included.

    python -m tests.bench.decode [--records N] [--rounds R]

Both run as processes of their own and take turns, so that other load on the machine meets both.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards

_ROOT = Path(__file__).parents[2]
_PLAIN = """
import sys
from pathlib import Path
import numpy as np
from tests.plain_decoder import decode_plainly

images = []
for path in sorted(Path(sys.argv[1]).rglob("data.jsonl")):
    for line in path.open(encoding="utf-8"):
        try:
            images.append(decode_plainly(line))
        except Exception:
            continue
np.save(sys.argv[2], np.stack(images))
"""


def main() -> None:
    """Command line -> seconds of each round and the ratio of the medians, on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_shards(look_alike(options.records, 0), folder / "shards", 0)
        plain, ours = [], []
        for number in range(options.rounds):
            saved = folder / f"plain_{number}.npy"
            plain.append(_time("-c", _PLAIN, str(folder / "shards"), str(saved)))
            saved.unlink()
            output = folder / f"ours_{number}"
            command = ["build.py", "decode", "--input", str(folder / "shards")]
            ours.append(_time(*command, "--output", str(output)))
            (output / "clean_images_v1_uint8.npy").unlink()
            print(f"plain loop {plain[-1]:6.2f} s, build.py decode {ours[-1]:6.2f} s", flush=True)
    ratio = statistics.median(plain) / statistics.median(ours)
    print(f"{options.records:,} records: {ratio:.1f} times faster (medians of {options.rounds})")


def _time(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
