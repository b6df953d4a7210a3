"""The forms of the phase `low`: gradients, tags, size of the graph, options."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hptc.errors import UsageError
from hptc.frontend.adapter_options import AdapterSpec, parse_adapter
from hptc.frontend.adapters import FORMS
from hptc.frontend.losses import CrossEntropy, Mse
from hptc.frontend.recipe import Recipe
from hptc.ir.contractions import contraction
from hptc.ir.graph import Graph, OperandTag, Phase, Residency, Role
from hptc.ir.ops import macs
from passes import PIPELINE, run_passes
from tests.capture_checks import matches_merged, products_with
from tests.evaluate import Captured, captured
from tests.models import Block, FusedQkv, Language, MatMul

PRODUCTS = ("lora", "lora-xs", "vera")
MATRICES = ("dense", "fastfood")
LAYER = 14
"""Operations of a linear layer with its loss, and of the gradient of its matrix."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def low(module: nn.Module, inputs: tuple[Tensor, ...], text: str, recipe: Recipe) -> Captured:
    return captured(module, inputs, Phase.LOW, recipe=recipe, adapter=parse_adapter(text))


def tagged(taken: Captured) -> Graph:
    return run_passes(taken.result.graphs[Phase.LOW], PIPELINE)


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor], str]] = {
    "attention": (FusedQkv, lambda: torch.randn(2, 5, 8), "auto"),
    "convolutions": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 2, 1, bias=False)),
        lambda: torch.randn(2, 3, 7, 7),
        "auto",
    ),
    "bare products, also from the left": (MatMul, lambda: torch.randn(5, 4), "auto"),
    "tied to an embedding": (
        lambda: Language(tied=True),
        lambda: torch.randint(10, (2, 5)),
        "embed",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MODELS)
def test_gradients_match_autograd_through_the_merged_matrix(form: str, name: str) -> None:
    make, draw, match = MODELS[name]
    module, inputs = make(), (draw(),)
    recipe = Recipe(loss=CrossEntropy() if match == "embed" else Mse())
    taken = low(module, inputs, f"{form}:r=2,alpha=6,match={match}", recipe)
    assert taken.result.adapters
    matches_merged(module, inputs, taken, recipe)


@pytest.mark.parametrize("form", PRODUCTS)
def test_products_leave_the_frozen_matrices_static(form: str) -> None:
    taken = low(Block(), (torch.randn(2, 5, 8),), f"{form}:r=2", Recipe())
    graph = tagged(taken)
    for adapter in taken.result.adapters:
        frozen = [part.name for part in adapter.parts if not part.is_trained]
        for name in (adapter.weight, *frozen):
            products = products_with(graph, name)
            assert {op.tag for op in products} == {OperandTag.STATIC}
            assert graph.by_name[name].residency is Residency.STATIC
    assert set(graph.trained) == {n for a in taken.result.adapters for n in a.trained}


@pytest.mark.parametrize("form", MATRICES)
def test_a_matrix_formed_in_the_step_is_trainable(form: str) -> None:
    module, inputs = nn.Linear(8, 8), (torch.randn(5, 8),)

    def dynamic(text: str) -> int:
        graph = tagged(low(module, inputs, text, Recipe()))
        return sum(macs(graph, op) for op in graph.ops if op.tag is OperandTag.DYNAMIC)

    graph = tagged(low(module, inputs, f"{form}:d=4", Recipe()))
    assert not products_with(graph, "weight")
    assert {op.tag for op in graph.readers["weight"]} == {OperandTag.TRAINABLE}
    assert dynamic(f"{form}:d=4") == 5 * 8 * 8 > dynamic("lora:r=1")


def test_the_gradient_of_dense_coordinates_reads_the_frozen_projection() -> None:
    taken = low(nn.Linear(5, 3), (torch.randn(4, 5),), "dense:d=4", Recipe())
    graph = tagged(taken)
    forward, backward = products_with(graph, "weight.dense_p")
    assert (forward.tag, backward.tag) == (OperandTag.TRAINABLE, OperandTag.STATIC)


@pytest.mark.parametrize(("shape", "most"), [((8, 8), 30), ((600, 400), 45), ((2048, 1024), 45)])
def test_fastfood_takes_few_operations(shape: tuple[int, int], most: int) -> None:
    """In a step, beside those of the optimizer and of the layer itself; views and all."""
    module, inputs = nn.Linear(*shape), (torch.randn(2, shape[0]),)
    graph = tagged(low(module, inputs, "fastfood:d=100", Recipe()))
    aside = {OperandTag.FOLDED}
    ops = [op for op in graph.ops if op.tag not in aside and op.role is not Role.OPTIMIZER]
    assert len(ops) - LAYER <= most
    for op in graph.ops:
        product = contraction(graph, op)
        for name in (product.left, product.right) if product else ():
            if "hadamard" in name:
                assert max(graph.by_name[name].shape) <= 128


def test_options_have_defaults_by_form() -> None:
    assert parse_adapter("lora") == (AdapterSpec(),)
    assert parse_adapter("lora-xs") == (AdapterSpec("lora-xs", 8, None, init="svd"),)
    assert parse_adapter("dense:d=3") == parse_adapter("dense:r=3")
    first, second, third = parse_adapter("lora:r=8,match=a|b;r=4,match=c;vera:match=w:0")
    assert (first.form, first.rank, first.match) == ("lora", 8, "a|b")
    assert (second.form, second.rank, second.alpha) == ("lora", 4, 64.0)
    assert (third.form, third.alpha, third.match) == ("vera", None, "w:0")


def test_the_first_clause_that_takes_a_weight_decides() -> None:
    text = "lora:r=3,match=query;r=2,match=attn.*;fastfood:d=5"
    module, inputs = Block(), (torch.randn(2, 5, 8),)
    taken = low(module, inputs, text, Recipe())
    chosen = {a.weight: (a.form, a.rank) for a in taken.result.adapters}
    assert chosen == {
        "attn.query.weight": ("lora", 3),
        "attn.key.weight": ("lora", 2),
        "attn.value.weight": ("lora", 2),
        "attn.out.weight": ("lora", 2),
    }
    matches_merged(module, inputs, taken)


def test_a_later_clause_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(UsageError, match="quer"):
        low(Block(), (torch.randn(2, 5, 8),), "lora:match=query;r=4,match=quer", Recipe())


@pytest.mark.parametrize(
    ("form", "rank"), [("lora-xs", 3), ("vera", 3), ("dense", 12), ("fastfood", 12)]
)
def test_ranks_are_clamped_to_the_matrix(form: str, rank: int) -> None:
    taken = low(nn.Linear(4, 3), (torch.randn(5, 4),), f"{form}:r=900,alpha=6", Recipe())
    (adapter,) = taken.result.adapters
    assert (adapter.rank, adapter.scale) == (rank, 6 / rank)


def test_vera_shares_its_matrices_between_equal_layers() -> None:
    module = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 4))
    taken = low(module, (torch.randn(2, 6),), "vera:r=2", Recipe())
    shared = [{p.name for p in a.parts if not p.is_trained} for a in taken.result.adapters]
    assert shared[0] == shared[1]
    assert len(shared[0] & shared[2]) == 1
