"""Two processes that train together -> their images per second against two that train alone.

Each process has one thread, so that on two cores both kinds see the same machine; what differs is
the exchange of gradients and messages, and that a team shares out the cores where the scheduler
places two strangers. Turns alternate. Arguments: steps, turns.
"""

import os
import subprocess
import sys
import time

import numpy as np
import torch

from lib.kernel.recipes.pixel.recipe import PIXEL
from lib.kernel.recipes.table import make_config
from lib.synthetic.look_alike import look_alike
from tests.bench.ranks import start_ranks

BATCH = 32  # of each process
WARM_UP = 3  # steps


def work(ranks: int, steps: int) -> float:
    """(processes, steps) -> images per second of the team that this process leads."""
    torch.set_num_threads(ranks)  # a team on a CPU shares them out
    images = look_alike(2048, 0)[:, None]
    config = make_config("pixel", {"batch": BATCH * ranks})
    with start_ranks(PIXEL, ranks) as device:
        device.ranks.broadcast("learn", config, images)
        trainer = PIXEL.make_trainer(images, config, device)
        with trainer.cores:
            for step in range(WARM_UP + steps):
                if step == WARM_UP:
                    started = time.perf_counter()
                device.ranks.broadcast("step", step, 0.5, 1.0)
                trainer.train_step(step, 0.5)
        elapsed = time.perf_counter() - started
        device.ranks.broadcast("end")
    return steps * BATCH * ranks / elapsed


def measure(ranks: int, processes: int, steps: int) -> float:
    """Team size, how many such teams at once -> images per second of all together."""
    command = [sys.executable, "-m", "tests.bench.team", "work", str(ranks), str(steps)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(processes)
    ]
    return sum(float(each.communicate()[0].split()[-1]) for each in started)


def main() -> None:
    """Turns of both kinds -> one line with the overhead."""
    steps, turns = (int(word) for word in (*sys.argv[1:3], *("100", "3")[len(sys.argv) - 1 :]))
    together, alone = [], []
    for _ in range(turns):
        together.append(measure(2, 1, steps))
        alone.append(measure(1, 2, steps))
    mine, theirs = float(np.median(together)), float(np.median(alone))
    print(
        f"pixel, 2 gloo processes: together {mine:,.1f} images/s, two alone {theirs:,.1f}, "
        f"overhead {1 - mine / theirs:.1%}"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        print(work(int(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
