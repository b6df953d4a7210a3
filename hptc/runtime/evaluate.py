"""A graph without a schedule, computed on the host: what happens between phases."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hptc.errors import BundleError
from hptc.ir.graph import Graph, ValueKind
from hptc.runtime.kernels import compile_kernel
from hptc.runtime.tensors import TORCH_DTYPES


def evaluate_updates(graph: Graph, state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return what the updates of a graph make of the state it reads.

    Args:
        graph: Operations on state alone.
        state: Tensors by name; names that the graph does not have are ignored.
        where: What this is for, for messages.

    Raises:
        BundleError: The state lacks a value, or holds it in another shape.
    """
    memory = {}
    for value in graph.values:
        if value.kind is ValueKind.COMPUTED:
            continue
        if value.name not in state:
            raise BundleError(where, expected=f"a value named {value.name!r}", found="none")
        tensor = state[value.name]
        if tuple(tensor.shape) != value.shape:
            raise BundleError(
                where,
                expected=f"{value.name!r} of shape {list(value.shape)}",
                found=f"shape {list(tensor.shape)}",
            )
        memory[value.name] = tensor.to(TORCH_DTYPES[value.dtype])
    with torch.no_grad():
        for op in graph.ops:
            compile_kernel(op).run(memory)
    return {update.state: memory[update.new] for update in graph.updates}
