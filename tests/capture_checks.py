"""Steps of captured models held against eager torch, and inputs of small models."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from hptc.frontend.losses import CrossEntropy
from hptc.frontend.recipe import Recipe
from hptc.ir.adapter import Adapter, parts_of
from hptc.ir.contractions import contraction
from hptc.ir.graph import Graph, Op, Phase
from hptc.ir.layout import layout_of
from hptc.runtime.initialise import new_parameters
from hptc.runtime.reference_adapters import merged_weights
from hptc.schedule.model import Initialise
from tests.evaluate import Captured

MSE = Recipe()
CLASSES = Recipe(loss=CrossEntropy())


def tokens() -> tuple[Tensor, ...]:
    return (torch.randint(10, (2, 5)),)


def sequence() -> tuple[Tensor, ...]:
    return (torch.randn(2, 5, 8),)


def close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    """Compare all tensors, relative to the largest number among them."""
    assert set(found) == set(expected)
    scale = max((float(t.abs().max()) for t in expected.values()), default=0.0)
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape, name
        assert float((found[name] - tensor).abs().max()) <= tolerance * scale, name


def matches_eager(
    module: nn.Module, inputs: tuple[Tensor, ...], recipe: Recipe, taken: Captured
) -> None:
    """Compare a step of all parameters, and what it makes of buffers, with autograd."""
    eager = copy.deepcopy(module)
    output = tree_leaves(eager(*inputs))[recipe.output]
    target = _target(output, recipe)
    loss = recipe.loss(output, target)
    torch.autograd.backward(loss)
    step = taken.step(Phase.FULL, inputs, target=target)
    torch.testing.assert_close(step.loss, loss.detach())
    torch.testing.assert_close(step.output(), output.detach())
    parameters = {name: p.grad for name, p in eager.named_parameters() if p.grad is not None}
    close(step.gradients, parameters)
    buffers = {n: b for n, b in eager.named_buffers() if not b.equal(module.get_buffer(n))}
    close({name: tensor for name, tensor in step.new.items() if name in buffers}, buffers)
    assert {n for n in step.new if n in dict(eager.named_buffers())} == set(buffers)


def _target(output: Tensor, recipe: Recipe) -> Tensor:
    if isinstance(recipe.loss, CrossEntropy):
        return torch.randint(output.shape[-1], output.shape[:-1])
    return torch.randn_like(output)


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
    target = _target(output, recipe)
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
