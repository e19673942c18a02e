import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from lib.net import Net


def train():
    dist.init_process_group("gloo")
    net = DistributedDataParallel(Net())
    rank = dist.get_rank()
    net(torch.tensor([1.0 + rank, 2.0])).backward()
    if rank == 0:
        print(dist.get_world_size(), net.module.weight.grad.tolist(), type(net.module), flush=True)
    dist.barrier()
    dist.destroy_process_group()
