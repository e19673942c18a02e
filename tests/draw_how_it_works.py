"""Real runs -> the pictures of docs/HOW_IT_WORKS.md and the numbers that its text quotes.

    python -m tests.draw_how_it_works --input SHARDS --weights FILE --runs FOLDER --pool FEATURES
        --real FEATURES --more FEATURES [--only record,wgan,pixel,floor,curation]

SHARDS are look-alikes of `build.py synth`. FOLDER holds the outputs of `build.py run` on them,
named by their recipes: first-seed, second-seed and pixel, this one with a pool. FEATURES are .npy
files of `build.py features`, or folders of cached ones: those of pixel's pool or of its first
images (pixel.scratch), of 10,000 real images of the runs (below build/cache/features), and of real
images of another seed. Written are docs/how_*.png and docs/how_numbers.json, as the text quotes it.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from tests.how_fid import draw_curation, draw_floor
from tests.how_models import draw_pixel, draw_wgan
from tests.how_record import draw_record
from tests.plots import DOCS, Numbers

NUMBERS = DOCS / "how_numbers.json"
PARTS: dict[str, Callable[[argparse.Namespace], Numbers]] = {
    "record": draw_record,
    "wgan": draw_wgan,
    "pixel": draw_pixel,
    "floor": draw_floor,
    "curation": draw_curation,
}


def main() -> None:
    """Command line -> pictures and numbers; parts left out keep their numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("input", "weights", "runs", "pool", "real", "more"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    numbers: Numbers = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    for part in options.only.split(","):
        numbers |= PARTS[part](options)
        NUMBERS.write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
