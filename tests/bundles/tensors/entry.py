"""DataLoader workers, torch.save and load, torch.jit and torch.compile, with classes of modules."""

import io
import sys
import warnings

import torch
from torch.utils.data import DataLoader

from lib.model import Config, Net, scripted_step, traced_step
from lib.numbers import Numbers, collate


class Own(torch.nn.Module):
    def forward(self, x):
        return 3 * x


def own_step(x: torch.Tensor, n: int):
    for i in range(n):
        x = x + i
    return x


def main(methods):
    for method in methods:
        loader = DataLoader(Numbers(6), 2, num_workers=2, collate_fn=collate, multiprocessing_context=method)
        print(method, [batch.tolist() for batch in loader])
    torch.manual_seed(0)
    net, blob = Net(Config(3)), io.BytesIO()
    torch.save({"net": net, "own": Own(), "state": net.state_dict()}, blob)
    blob.seek(0)
    again = torch.load(blob, weights_only=False)
    print(type(again["net"]) is Net, type(again["own"]) is Own, again["net"].config, again["own"](torch.ones(1)))
    x = torch.arange(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(scripted_step)
        print(script(x, 3), torch.jit.script(own_step)(x, 2), torch.jit.script(net)(x).shape)
        print(torch.jit.trace(traced_step, x)(x), "for i in range(n)" in script.code)
    compiled = torch.compile(traced_step, backend="eager", fullgraph=True)
    print(compiled(x), torch.compile(own_step, backend="eager")(x, 2))


if __name__ == "__main__":
    main(sys.argv[1:])
