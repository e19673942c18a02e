"""torch.compile to machine code, and what Dynamo says of the lines of a module."""

import torch

from lib.steps import Layer, breaking, grown

# scalar code and no header compiled before: what the compiler needs is seconds less
QUICK = {"cpp.simdlen": 1, "cpp_cache_precompile_headers": False}


def own(x):
    return grown(x, 2) * 3


if __name__ == "__main__":
    layer = Layer(2)

    def both(x):
        return layer(own(x))

    x = torch.arange(4.0)
    compiled = torch.compile(both, backend="inductor", fullgraph=True, options=QUICK)(x)
    print(torch.allclose(compiled, both(x)), [round(value, 4) for value in compiled.tolist()])
    counted = torch._dynamo.explain(breaking)(torch.ones(2))
    print(counted.graph_count, *counted.break_reasons[0].user_stack)
    try:
        torch.compile(breaking, backend="inductor", fullgraph=True)(torch.ones(2))
    except torch._dynamo.exc.Unsupported as error:
        print("from user code" + str(error).partition("from user code")[2].partition("\n\n")[0])
