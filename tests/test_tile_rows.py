"""Steps in chunks of rows compute what whole steps compute."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hptc.errors import UsageError
from hptc.frontend.losses import CrossEntropy
from hptc.frontend.optimizers import parse_optimizer
from hptc.frontend.recipe import Recipe
from hptc.ir.axes import Rows
from hptc.ir.graph import Graph, Op, Phase, Role, ValueKind
from hptc.ir.layout import is_alias, is_join
from hptc.ir.ops import bytes_read
from hptc.ir.text import from_text, to_text
from passes import PIPELINE, TileRows, run_passes, tile
from tests.evaluate import captured, evaluate
from tests.models import Language, merge_heads, split_heads, written_out
from tests.random_steps import results, steps

TOKENS, WIDTH = 5, 4
SGD = Recipe(optimizer=parse_optimizer("sgd:momentum=0.9"))
"""AdamW makes large steps of gradients that are zero but for rounding."""


class Layer(nn.Module):
    """Attention, a norm and a feed-forward layer, and a decoder over all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.norm = nn.LayerNorm(WIDTH)
        self.ffn = nn.Linear(WIDTH, WIDTH)
        self.decoder = nn.Linear(TOKENS * WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        parts = (split_heads(part(x)) for part in (self.q, self.k, self.v))
        x = self.norm(x + merge_heads(written_out(*parts)))
        y: Tensor = self.decoder(torch.relu(self.ffn(x)).flatten(1))
        return y


class Pictures(nn.Module):
    """A convolution, a batch norm, which needs all samples, and a maximum over space."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.relu(self.norm(self.conv(x))).amax((2, 3)))
        return y


CASES = {
    "tokens": (Layer(), torch.randn(1, TOKENS, WIDTH), 1, SGD),
    "samples": (Layer(), torch.randn(4, TOKENS, WIDTH), 0, SGD),
    "tokens of samples": (Layer(), torch.randn(4, TOKENS, WIDTH), 1, SGD),
    "pictures": (Pictures(), torch.randn(4, 2, 6, 6), 0, SGD),
    "words": (
        Language(tied=True),
        torch.randint(10, (4, 5)),
        0,
        Recipe(loss=CrossEntropy(), optimizer=SGD.optimizer),
    ),
}


@pytest.mark.parametrize(
    ("name", "phase"),
    [*((name, Phase.FULL) for name in CASES), ("tokens", Phase.LOW), ("tokens", Phase.INFER)],
)
def test_models(name: str, phase: Phase) -> None:
    module, x, axis, recipe = CASES[name]
    target = torch.randint(10, (4, 5)) if name == "words" else torch.randn(len(x), 3)
    target = target[:, :2] if name == "pictures" else target
    step = captured(module, (x,), phase, recipe=recipe).step(phase, (x,), target=target)
    whole = run_passes(step.graph, PIPELINE)
    carried = {v.name: Rows(axis) for v in whole.values if v.kind is ValueKind.BATCH}
    if axis:
        carried.pop("target", None)
    inputs = {v.name: step.values[v.name] for v in step.graph.values if v.name in step.values}
    expected = evaluate(whole, inputs)
    for chunks in (2, 3):
        tiled = tile(whole, TileRows(carried, chunks))
        assert from_text(to_text(tiled)) == tiled
        found = evaluate(tiled, inputs)
        for value in leaving(whole):
            torch.testing.assert_close(found[value], expected[value])


def leaving(graph: Graph) -> set[str]:
    return {*graph.kept, *(gradient.value for gradient in graph.gradients)}


def test_a_layer_streams_but_for_keys_and_values() -> None:
    module, x, _, recipe = CASES["tokens"]
    graph = captured(module, (x,), Phase.FULL, recipe=recipe).result.graphs[Phase.FULL]
    tiled = tile(run_passes(graph, PIPELINE), TileRows({"in_0": Rows(1)}, 2))
    joined = [op.outputs[0] for op in tiled.ops if is_join(tiled, op)]
    assert not any(bytes_read(tiled, tiled.producer[name]) for name in joined)
    forward = (r for name in joined for r in reading(tiled, name) if r.role is Role.FORWARD)
    readers = Counter((reader.kind, reader.rows) for reader in forward)
    product = "aten.bmm.default"
    assert readers == {(product, (0, 2)): 2, (product, (2, 5)): 2, ("aten.mm.default", None): 1}


def reading(graph: Graph, name: str) -> Iterator[Op]:
    """Yield what reads a value, seen through views."""
    for op in graph.readers[name]:
        if is_alias(graph, op):
            yield from reading(graph, op.outputs[0])
        else:
            yield op


@settings(max_examples=80)
@given(steps(), st.integers(0, 1), st.data())
def test_random_steps(graph: Graph, axis: int, data: st.DataObject) -> None:
    whole = run_passes(graph, PIPELINE)
    names = [op.name for op in whole.ops]
    counts = st.integers(2, 3)
    some = st.dictionaries(st.sampled_from(names), counts) if names else st.nothing()
    tiled = tile(whole, TileRows({"x": Rows(axis)}, data.draw(counts | some)))
    same(results(whole), results(tiled))


def same(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor)


def test_more_chunks_than_rows() -> None:
    module, x, _, recipe = CASES["tokens"]
    graph = captured(module, (x,), Phase.INFER, recipe=recipe).result.graphs[Phase.INFER]
    with pytest.raises(UsageError, match=r"row tiling: expected .* found 6 chunks of 5 rows"):
        tile(run_passes(graph, PIPELINE), TileRows({"in_0": Rows(1)}, 6))
