"""The phase `low`: where adapters go, what they compute, and that W0 stays as it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hptc.errors import ModelError, UsageError
from hptc.frontend.adapter_options import AdapterSpec, parse_adapter
from hptc.frontend.capture import Selection
from hptc.frontend.recipe import Recipe
from hptc.ir.graph import OperandTag, Phase, Role
from passes import PIPELINE, run_passes
from tests.capture_checks import CLASSES, MSE, matches_merged, products_with, sequence, tokens
from tests.evaluate import Captured, captured
from tests.models import Attention, Block, FusedQkv, Language, MatMul


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def low(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    match: str = "auto",
    train: str | None = None,
    recipe: Recipe = MSE,
) -> Captured:
    spec = AdapterSpec(rank=2, alpha=6.0, match=match)
    selection = Selection(train=train)
    return captured(module, inputs, Phase.LOW, recipe=recipe, adapter=spec, selection=selection)


def weights(taken: Captured) -> list[str]:
    return [adapter.weight for adapter in taken.result.adapters]


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, padding="same", bias=False),
        nn.Flatten(),
        nn.Linear(96, 3),
    )


QV = ["query.weight", "value.weight"]
AUTO: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]], list[str]]] = {
    "written out": (Attention, sequence, QV),
    "einsum": (lambda: Attention("einsum_written"), sequence, QV),
    "SDPA": (lambda: Attention("fused"), sequence, QV),
    "fused QKV": (FusedQkv, sequence, ["qkv.weight"]),
    "fused QKV, SDPA": (lambda: FusedQkv("fused"), sequence, ["qkv.weight"]),
    "in a block": (Block, sequence, ["attn.query.weight", "attn.value.weight"]),
    "torch's layer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
        sequence,
        ["self_attn.in_proj_weight"],
    ),
    "no attention": (
        _convolutions,
        lambda: (torch.randn(2, 4, 8, 8),),
        ["0.weight", "2.weight", "4.weight"],
    ),
    "bare products": (MatMul, lambda: (torch.randn(5, 4),), ["right", "left"]),
    "groups are left out": (
        lambda: nn.Sequential(nn.Conv1d(4, 8, 3, groups=2), nn.Conv1d(8, 6, 3)),
        lambda: (torch.randn(2, 4, 12),),
        ["1.weight"],
    ),
}


@pytest.mark.parametrize("name", AUTO)
def test_auto_match_gradients_and_tags(name: str) -> None:
    make, draw, expected = AUTO[name]
    module, inputs = make(), draw()
    taken = low(module, inputs)
    assert weights(taken) == expected
    matches_merged(module, inputs, taken)
    frozen_matrices_are_only_read(taken, expected)


def frozen_matrices_are_only_read(taken: Captured, expected: list[str]) -> None:
    graph = run_passes(taken.result.graphs[Phase.LOW], PIPELINE)
    factors = {name for a in taken.result.adapters for name in a.trained}
    assert {named.name for named in graph.gradients} == factors
    assert set(graph.trained) == factors
    for weight in expected:
        products = products_with(graph, weight)
        assert products
        assert {op.tag for op in products} == {OperandTag.STATIC}
        assert {op.role for op in products} <= {Role.FORWARD, Role.INPUT_GRADIENT}


def test_a_stack_of_matrices_reads_the_frozen_matrix_once() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    graph = low(layer, sequence()).result.graphs[Phase.LOW]
    (product,) = products_with(graph, "self_attn.in_proj_weight")
    assert product.kind == "aten.mm.default"


@pytest.mark.parametrize("match", ["embed", "head", "head.weight"])
def test_tied_weight_is_adapted_in_both_places(match: str) -> None:
    module, inputs = Language(tied=True), tokens()
    taken = low(module, inputs, match=match, recipe=CLASSES)
    assert weights(taken) == ["embed.weight"]
    matches_merged(module, inputs, taken, CLASSES)
    graph = taken.result.graphs[Phase.LOW]
    forward = [op for op in graph.ops if op.role is Role.FORWARD and op.kind == "aten.mm.default"]
    assert all(graph.by_name[op.outputs[0]].shape[0] == 10 for op in forward)  # tokens, not rows


def test_kept_parameters_train_as_they_are() -> None:
    module, inputs = Block(), sequence()
    taken = low(module, inputs, match="up|down", train=r"norm|up\.weight")
    assert weights(taken) == ["down.weight"]
    kept = {"norm.weight", "norm.bias", "up.weight"}
    assert kept < set(taken.result.graphs[Phase.LOW].trained)
    matches_merged(module, inputs, taken)


def test_ranks_are_clamped_to_the_matrix() -> None:
    spec = parse_adapter("lora:r=64,alpha=12,match=auto")
    taken = captured(nn.Linear(4, 3), (torch.randn(5, 4),), Phase.LOW, adapter=spec)
    (adapter,) = taken.result.adapters
    assert (adapter.rank, adapter.scale) == (3, 4.0)


def test_stacked_and_einsum_weights_stay_frozen() -> None:
    class Stacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.Parameter(torch.randn(2, 4, 4))
            self.mix = nn.Parameter(torch.randn(4, 4))
            self.out = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.out(torch.einsum("bti,io->bto", x @ self.experts, self.mix))
            return y

    module, inputs = Stacked(), (torch.randn(2, 5, 4),)
    taken = low(module, inputs)
    assert weights(taken) == ["out.weight"]
    matches_merged(module, inputs, taken)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("query", ["attn.query.weight"]),
        ("attn.query", ["attn.query.weight"]),
        ("attn.[qk]*", ["attn.query.weight", "attn.key.weight"]),
        ("up|attn.out", ["attn.out.weight", "up.weight"]),
    ],
)
def test_patterns_match_whole_segments(pattern: str, expected: list[str]) -> None:
    assert weights(low(Block(), sequence(), match=pattern)) == expected


@pytest.mark.parametrize("pattern", ["quer", "attn.quer", "tn.query", "norm", "query.attn"])
def test_a_pattern_without_match_is_an_error_with_near_names(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"Near names: .*weight"):
        low(Block(), sequence(), match=pattern)


def test_nothing_to_train_is_an_error() -> None:
    with pytest.raises(ModelError, match="no trained parameter at all"):
        low(nn.LayerNorm(4), (torch.randn(2, 4),))
