"""Data-parallel training: ranks that torchrun starts, or that the script spawns itself."""

import os
import sys

import torch.multiprocessing as mp

from lib.train import train


def start(rank, world, port):
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    train()


if __name__ == "__main__":
    if "RANK" in os.environ:
        train()
    else:
        mp.spawn(start, args=(2, sys.argv[1]), nprocs=2)
    if os.environ.get("RANK", "0") == "0":
        print("done", flush=True)
