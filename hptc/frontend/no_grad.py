"""Regions of a model that compute without gradients (`torch.no_grad`), in an exported program.

torch.export keeps such a region as a submodule, and making the program functional dissolves it, so
that gradients would flow where the model lets none. What a region reads is therefore detached.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

_REGION = torch.ops.higher_order.wrap_with_set_grad_enabled


@contextmanager
def detached_regions(program: ExportedProgram) -> Iterator[None]:
    """Let the regions without gradients read detached tensors, as long as the context lasts."""
    regions = tuple(_regions(program.graph_module))
    added = [(region, _detach(region)) for region in regions]
    try:
        yield
    finally:
        for region, nodes in added:
            for node in nodes:
                node.replace_all_uses_with(node.all_input_nodes[0])
                region.graph.erase_node(node)
            region.recompile()


def _regions(root: GraphModule) -> Iterator[GraphModule]:
    parts = [part for part in root.modules() if isinstance(part, GraphModule)]
    for part in parts:
        for node in part.graph.find_nodes(op="call_function", target=_REGION):
            enabled, inner, *_ = node.args
            if not enabled:
                yield getattr(part, inner.target)


def _detach(region: GraphModule) -> list[Node]:
    """Detach what a region reads; return the operations added."""
    added: list[Node] = []
    for node in region.graph.find_nodes(op="placeholder"):
        if not isinstance(node.meta.get("val"), torch.Tensor):
            continue
        with region.graph.inserting_after(node):
            detached = region.graph.call_function(torch.ops.aten.detach.default, (node,))
        detached.meta = dict(node.meta)
        node.replace_all_uses_with(
            detached, delete_user_cb=lambda user, own=detached: user is not own
        )
        added.append(detached)
    region.recompile()
    return added
