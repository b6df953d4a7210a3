"""The FX pass: what it writes into nodes, and that it leaves the graph alone."""

import pytest
import torch
from torch import nn
from torch.fx import GraphModule, symbolic_trace
from torch.fx.passes.infra.pass_manager import PassManager

from hptc.embed.torch import KEYS, PartitionPass
from hptc.errors import UsageError
from tests.models import Block

INPUTS = (torch.randn(2, 5, 8),)
ADAPT = "lora:r=2,alpha=4,match=auto"


def place(phase: str = "low", target: str = "hybrid-stack") -> PartitionPass:
    return PartitionPass(INPUTS, phase=phase, target=target, adapt=ADAPT, time_limit_s=1)


def tags(module: GraphModule) -> dict[str, object]:
    return {n.name: n.meta["hptc_tag"] for n in module.graph.nodes if "hptc_tag" in n.meta}


@pytest.fixture(scope="module")
def traced() -> GraphModule:
    module = symbolic_trace(Block("fused"))
    place()(module)
    return module


def test_a_pass_manager_runs_it_and_the_graph_stays() -> None:
    module = symbolic_trace(Block())
    code, names = module.code, [node.name for node in module.graph.nodes]
    expected = module(*INPUTS)
    result = PassManager([place()])(module)
    assert result.modified
    assert result.graph_module is module
    assert (module.code, [node.name for node in module.graph.nodes]) == (code, names)
    torch.testing.assert_close(module(*INPUTS), expected, rtol=0, atol=0)


def test_every_call_is_annotated_and_nothing_else(traced: GraphModule) -> None:
    for node in traced.graph.nodes:
        has = [key in node.meta for key in KEYS]
        assert all(has) if node.op.startswith("call_") else not any(has)
        if all(has):
            assert node.meta["hptc_device"] in {"reram", "systolic", "folded"}


def test_tags_follow_the_phase(traced: GraphModule) -> None:
    found = tags(traced)
    layers = ("attn_query", "attn_key", "attn_value", "attn_out", "up", "down")
    assert {name: found[name] for name in layers} == dict.fromkeys(layers, "static")
    assert found["norm"] == found["scaled_dot_product_attention"] == "dynamic"
    full = symbolic_trace(Block("fused"))
    place("full", "gpu")(full)
    assert {name: tags(full)[name] for name in layers} == dict.fromkeys(layers, "trainable")


def test_roles_count_the_work_of_the_whole_step(traced: GraphModule) -> None:
    nodes = {node.name: node.meta for node in traced.graph.nodes}
    product = 10 * 8 * 8
    update = 10 * 8 * 2 + 10 * 2 * 8
    roles = nodes["attn_query"]["hptc_roles"]
    assert roles["forward"]["macs"] == product + update
    assert roles["weight-gradient"]["macs"] == update
    assert "weight-gradient" not in nodes["up"]["hptc_roles"]
    assert nodes["up"]["hptc_roles"]["input-gradient"]["macs"] == 10 * 8 * 16
    assert nodes["up"]["hptc_busy_ns"] > 0


def test_exported_modules_carry_their_own_names() -> None:
    module = torch.export.export(Block(), INPUTS).module()
    assert isinstance(module, GraphModule)
    place()(module)
    found = tags(module)
    assert [found[n] for n in ("linear", "linear_4", "linear_5")] == ["static"] * 3
    assert found["layer_norm"] == found["softmax"] == "dynamic"


def test_a_second_run_modifies_nothing() -> None:
    module = symbolic_trace(nn.Sequential(nn.Linear(8, 4), nn.Dropout(0.0), nn.ReLU()))
    first, second = (place("infer", "gpu")(module) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.modified, second.modified) == (True, False)
    nodes = {node.name: node.meta for node in module.graph.nodes}
    assert nodes["_1"]["hptc_tag"] is None
    assert nodes["_1"]["hptc_device"] == nodes["_0"]["hptc_device"]


def test_the_program_is_kept_with_the_names_of_the_parameters() -> None:
    run = place("infer", "gpu")
    run(symbolic_trace(Block()))
    assert run.program is not None
    assert "attn.query.weight" in run.program.bundle.weights


def test_options_are_checked() -> None:
    with pytest.raises(UsageError, match="expected one phase="):
        PartitionPass(INPUTS, phases=("low",))
    with pytest.raises(UsageError, match="--phases: expected one of full, low, infer"):
        PartitionPass(INPUTS, phase="half")
