"""The phase `low`: where adapters go, what they compute, and that W0 stays as it is."""

from collections.abc import Callable, Mapping, Sequence

import pytest
import torch
from torch import Tensor, nn

from hptc.errors import ModelError, UsageError
from hptc.frontend.adapter_options import AdapterSpec, parse_adapter
from hptc.frontend.capture import Selection
from hptc.frontend.losses import CrossEntropy
from hptc.frontend.recipe import Recipe
from hptc.ir.adapter import Adapter, parts_of
from hptc.ir.contractions import contraction
from hptc.ir.graph import Graph, Op, OperandTag, Phase, Role
from hptc.ir.layout import layout_of
from hptc.runtime.initialise import new_parameters
from hptc.runtime.reference_adapters import merged_weights
from hptc.schedule.model import Initialise
from passes import PIPELINE, run_passes
from tests.evaluate import Captured, captured
from tests.models import Attention, Block, FusedQkv, Language, MatMul
from tests.test_capture_gradients import close

CLASSES = Recipe(loss=CrossEntropy())
MSE = Recipe()


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


def matches_merged(
    module: nn.Module, inputs: tuple[Tensor, ...], taken: Captured, recipe: Recipe = MSE
) -> None:
    """Compare with autograd through W0 + s * A @ B, formed as one matrix."""
    adapters = taken.result.adapters
    state = {name: tensor.detach() for name, tensor in module.named_parameters()}
    kept = [name for name in taken.result.graphs[Phase.LOW].trained if name in state]
    parts = drawn_parts(adapters, state)
    state |= parts
    trained = [name for adapter in adapters for name in adapter.trained]
    leaves = {name: state[name].clone().requires_grad_() for name in (*kept, *trained)}
    state |= {name: leaves[name] for name in kept}
    state = merged_weights({**state, **leaves}, adapters)
    own = dict(module.named_parameters())
    output = torch.func.functional_call(module, {name: state[name] for name in own}, inputs)
    target = torch.randn_like(output)
    if isinstance(recipe.loss, CrossEntropy):
        target = torch.randint(output.shape[-1], output.shape[:-1])
    loss = recipe.loss(output, target)
    expected = torch.autograd.grad(loss, list(leaves.values()))
    step = taken.step(Phase.LOW, inputs, target=target, **parts)
    torch.testing.assert_close(step.loss, loss.detach())
    close(step.gradients, dict(zip(leaves, expected, strict=True)), 1e-4)


def drawn_parts(adapters: Sequence[Adapter], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parts as they start, but the trained ones drawn."""
    news = [Initialise(part.name, part.shape, part.start, seed=5) for part in parts_of(adapters)]
    drawn = {
        part.name: torch.randn(part.shape) / 4 for part in parts_of(adapters) if part.is_trained
    }
    return new_parameters(news, state) | drawn


def products_with(graph: Graph, weight: str) -> list[Op]:
    """Return the contractions that read a matrix, in whatever layout."""
    found = []
    for op in graph.ops:
        product = contraction(graph, op)
        if product is not None:
            roots = {layout_of(graph, name).root for name in (product.left, product.right)}
            found += [op] if weight in roots else []
    return found


def _sequence() -> tuple[Tensor, ...]:
    return (torch.randn(2, 5, 8),)


def _tokens() -> tuple[Tensor, ...]:
    return (torch.randint(10, (2, 5)),)


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
    "written out": (Attention, _sequence, QV),
    "einsum": (lambda: Attention("einsum_written"), _sequence, QV),
    "SDPA": (lambda: Attention("fused"), _sequence, QV),
    "fused QKV": (FusedQkv, _sequence, ["qkv.weight"]),
    "fused QKV, SDPA": (lambda: FusedQkv("fused"), _sequence, ["qkv.weight"]),
    "in a block": (Block, _sequence, ["attn.query.weight", "attn.value.weight"]),
    "torch's layer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
        _sequence,
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
    graph = low(layer, _sequence()).result.graphs[Phase.LOW]
    (product,) = products_with(graph, "self_attn.in_proj_weight")
    assert product.kind == "aten.mm.default"


@pytest.mark.parametrize("match", ["embed", "head", "head.weight"])
def test_tied_weight_is_adapted_in_both_places(match: str) -> None:
    module, inputs = Language(tied=True), _tokens()
    taken = low(module, inputs, match=match, recipe=CLASSES)
    assert weights(taken) == ["embed.weight"]
    matches_merged(module, inputs, taken, CLASSES)
    graph = taken.result.graphs[Phase.LOW]
    forward = [op for op in graph.ops if op.role is Role.FORWARD and op.kind == "aten.mm.default"]
    assert all(graph.by_name[op.outputs[0]].shape[0] == 10 for op in forward)  # tokens, not rows


def test_kept_parameters_train_as_they_are() -> None:
    module, inputs = Block(), _sequence()
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
    assert weights(low(Block(), _sequence(), match=pattern)) == expected


@pytest.mark.parametrize("pattern", ["quer", "attn.quer", "tn.query", "norm", "query.attn"])
def test_a_pattern_without_match_is_an_error_with_near_names(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"Near names: .*weight"):
        low(Block(), _sequence(), match=pattern)


def test_nothing_to_train_is_an_error() -> None:
    with pytest.raises(ModelError, match="no trained parameter at all"):
        low(nn.LayerNorm(4), (torch.randn(2, 4),))
