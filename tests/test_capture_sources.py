"""Where operations come from: every one has a source, backward ones that of their forward."""

from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn

from hptc.frontend.adapter_options import AdapterSpec
from hptc.ir.graph import Graph, Phase, Role
from tests.evaluate import captured
from tests.models import Block, FusedQkv, InPlace


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(4, 5, batch_first=True)
        self.conv = nn.Sequential(nn.Conv1d(5, 6, 3), nn.BatchNorm1d(6), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.cell(x)[0].transpose(1, 2)).mean(2)
        return y


MODELS = {
    "block": (Block("fused"), (2, 4, 8)),
    "causal": (Block("causal"), (2, 4, 8)),
    "one module": (FusedQkv("einsum_written"), (2, 4, 8)),
    "in place": (InPlace(), (2, 4)),
    "recurrent": (Recurrent(), (2, 4, 4)),
}


def sources(graph: Graph) -> dict[Role, set[str]]:
    found: dict[Role, set[str]] = defaultdict(set)
    for op in graph.ops:
        found[op.role].add(op.source)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_operation_has_a_source(name: str) -> None:
    module, shape = MODELS[name]
    step = captured(module, [torch.randn(shape)], Phase.FULL, Phase.INFER)
    for phase, graph in step.result.graphs.items():
        found = sources(graph)
        assert "" not in set().union(*found.values())
        assert found[Role.INPUT_GRADIENT] <= found[Role.FORWARD]
        assert ("loss" in found[Role.FORWARD]) is (phase is not Phase.INFER)
        trained = {f"optimizer/{parameter}" for parameter in graph.trained}
        assert found[Role.OPTIMIZER] - {"optimizer"} == trained


def test_sources_are_modules_or_nodes_of_the_model_itself() -> None:
    module, shape = MODELS["block"]
    graph = captured(module, [torch.randn(shape)], Phase.FULL).result.graphs[Phase.FULL]
    modules = {path for path, _ in module.named_modules()}
    assert sources(graph)[Role.FORWARD] - modules == {"add", "add_1", "gelu", "loss"}


def test_a_dense_update_has_a_source_of_its_own_in_both_directions() -> None:
    module, shape = MODELS["block"]
    found = captured(
        module, [torch.randn(shape)], Phase.LOW, adapter=AdapterSpec(form="fastfood")
    ).result
    by_role = sources(found.graphs[Phase.LOW])
    assert "adapter/attn.query.weight" in by_role[Role.FORWARD]
    assert "adapter/attn.query.weight" in by_role[Role.INPUT_GRADIENT]
    assert by_role[Role.INPUT_GRADIENT] <= by_role[Role.FORWARD]
