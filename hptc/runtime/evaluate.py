"""A graph without a schedule, computed on the host: what happens between phases."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hptc.ir.graph import Graph
from hptc.runtime.kernels import compile_kernel
from hptc.runtime.tensors import fitted


def evaluate_updates(graph: Graph, state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return what the updates of a graph make of the state it reads.

    Args:
        graph: Operations on state alone.
        state: Tensors by name; names that the graph does not have are ignored.
        where: What this is for, for messages.

    Raises:
        BundleError: The state lacks a value, or holds it in another shape.
    """
    memory = {value.name: fitted(value, state, where) for value in graph.given}
    with torch.no_grad():
        for op in graph.ops:
            compile_kernel(op).run(memory)
    return {update.state: memory[update.new] for update in graph.updates}
