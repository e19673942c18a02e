import torch


class Layer(torch.nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        if self.scale > 1:
            x = x * self.scale
        return torch.relu(x - 1)


def grown(x, times):
    for step in range(times):
        x = x.sin() + step
    return x


def breaking(x):
    x = x + 1
    torch._dynamo.graph_break()
    return x * 2
