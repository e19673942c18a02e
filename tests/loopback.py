"""A folder of the competition's data -> a Kaggle on this machine, for the commands of one shell.

    python -m tests.loopback DATA FOLDER [--weights FILE] [--reference FEATURES.npy]

It prints the variables that lead build.py and the real kaggle client there, and then serves until
it is interrupted. Pushed kernels run on this machine, in folders laid out as on Kaggle.
"""

import argparse
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np

from tests.kaggle_server import KaggleServer, make_environment


def open_kaggle(
    folder: Path, data: Path, weights: Path | None = None, reference: Path | None = None
) -> KaggleServer:
    """An empty folder, the competition's data -> a Kaggle that runs what is pushed.

    The data set ada/inception holds the weights. Submissions are scored by FID against the
    reference's features, half of them in public.
    """
    server = KaggleServer(folder / "kaggle", data)
    if weights:
        server.inception = folder / "inception"
        server.inception.mkdir(parents=True)
        shutil.copy(weights, server.inception)
    if reference:
        server.reference = np.load(reference)
    return server


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.loopback")
    parser.add_argument("data", type=Path, metavar="DATA", help="shards of the competition")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where its runs are kept")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="data set ada/inception")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="features to score against")
    options = parser.parse_args()
    folder = options.folder.absolute()
    server = open_kaggle(folder, options.data.absolute(), options.weights, options.reference)
    try:
        for name, value in make_environment(server, folder).items():
            if name not in ("HOME", "TMPDIR"):
                print(f"export {name}={shlex.quote(value)}")
        print(
            "# paste these lines into a shell; its kaggle user is ada. Ctrl-C ends it.", flush=True
        )
        signal.pause()
    except KeyboardInterrupt:
        server.close()


if __name__ == "__main__":
    main()
