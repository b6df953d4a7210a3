"""What leaving the phase `low` computes, as a graph: each adapted weight becomes W0 + update."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hptc.frontend.adapters import merged
from hptc.frontend.lower import lower
from hptc.frontend.step_inputs import Inputs, part_inputs
from hptc.frontend.torch import Model
from hptc.frontend.trace import trace
from hptc.frontend.training import Traced
from hptc.ir.adapter import Adapter
from hptc.ir.graph import Graph, Phase, ValueKind


def merge_graph(model: Model, adapters: Sequence[Adapter]) -> Graph:
    """Return a graph of weights and parts whose updates are the merged weights."""
    weights = {item.weight: model.parameters[item.weight].detach() for item in adapters}
    given = {**weights, **part_inputs(adapters)}

    def merge(*tensors: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(given, tensors, strict=True))
        with torch.no_grad():
            return tuple(merged(named[item.weight], item, named) for item in adapters)

    module = trace(merge, tuple(given.values()), Phase.LOW)
    inputs = Inputs(given, dict.fromkeys(given, ValueKind.PARAMETER))
    outputs = tuple(f"new/{item.weight}" for item in adapters)
    return lower(Traced(module, inputs, outputs), Phase.LOW).graph
