"""Example inputs: seeded, of the right types, and never out of the range of a table."""

from collections.abc import Mapping, Sequence

import torch

from hptc.frontend.onnx_dimensions import Input
from hptc.frontend.onnx_graph import Node
from hptc.frontend.onnx_steps import Evaluation

_PASSES = frozenset(
    {
        "Cast",
        "Clip",
        "Concat",
        "Expand",
        "Flatten",
        "Identity",
        "Max",
        "Min",
        "Pad",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operations that hand indices on unchanged from their first input (or any, where variadic)."""

_VARIADIC = frozenset({"Concat", "Max", "Min"})
_PICKS = frozenset({"Gather", "GatherElements", "GatherND"})


def draft_inputs(inputs: Sequence[Input]) -> dict[str, torch.Tensor]:
    """Return inputs whose integers are zero, a valid index of every table."""
    return sample_inputs(inputs, {item.name: range(1) for item in inputs})


def sample_inputs(
    inputs: Sequence[Input], ranges: Mapping[str, range], *, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Return seeded inputs: normal floats, integers within their range, masks of ones.

    An integer input without a range indexes nothing: it is taken for a mask.
    """
    generator = torch.Generator().manual_seed(seed)
    return {item.name: _sample(item, ranges.get(item.name), generator) for item in inputs}


def _sample(item: Input, allowed: range | None, generator: torch.Generator) -> torch.Tensor:
    if item.dtype.is_floating_point or item.dtype.is_complex:
        if "mask" in item.name.lower():
            return torch.ones(item.shape, dtype=item.dtype)
        wide = torch.complex64 if item.dtype.is_complex else torch.float32
        return torch.randn(item.shape, generator=generator, dtype=wide).to(item.dtype)
    if allowed is None or item.dtype == torch.bool:
        return torch.ones(item.shape, dtype=torch.int64).to(item.dtype)
    drawn = torch.randint(allowed.start, allowed.stop, item.shape, generator=generator)
    return drawn.to(item.dtype)


def index_ranges(evaluation: Evaluation, inputs: Sequence[Input]) -> dict[str, range]:
    """Return, for each integer input that indexes tables, the indices valid in all of them."""
    readers: dict[str, list[Node]] = {}
    for node in evaluation.nodes:
        for name in dict.fromkeys(node.inputs):
            readers.setdefault(name, []).append(node)
    found = {}
    for item in inputs:
        if item.dtype.is_floating_point or item.dtype == torch.bool:
            continue
        limits = _limits(item.name, readers, evaluation)
        if limits:
            start = max(limit.start for limit in limits)
            found[item.name] = range(start, max(start + 1, min(limit.stop for limit in limits)))
    return found


def _limits(name: str, readers: Mapping[str, list[Node]], evaluation: Evaluation) -> list[range]:
    limits: list[range] = []
    pending = [(name, 0)]
    seen = set(pending)
    while pending:
        value, offset = pending.pop()
        for node in readers.get(value, ()):
            size = _indexed_size(node, value, evaluation)
            if size is not None:
                limits.append(range(max(0, -offset), max(0, size - offset)))
            shift = _shift(node, value, evaluation)
            if shift is not None:
                further = [(output, offset + shift) for output in node.outputs if output]
                pending += [item for item in further if item not in seen]
                seen.update(further)
    return limits


def _indexed_size(node: Node, value: str, evaluation: Evaluation) -> int | None:
    """Return the number of entries that `value` chooses from at `node`, if it chooses there."""
    if node.op == "OneHot" and node.inputs[0] == value:
        depth = evaluation.known.get(node.inputs[1])
        return int(depth.reshape(-1)[0]) if isinstance(depth, torch.Tensor) else None
    if node.op not in _PICKS or node.inputs[1] != value:
        return None
    shape = evaluation.shapes[node.inputs[0]]
    if node.op == "GatherND":
        first = node.attributes.get("batch_dims", 0)
        depth_of = evaluation.shapes[value][-1]
        return min(shape[first : first + depth_of], default=1)
    return shape[node.attributes.get("axis", 0)] if shape else 1


def _shift(node: Node, value: str, evaluation: Evaluation) -> int | None:
    """Return what `node` adds to the indices it hands on, or None where it hands none on."""
    place = node.inputs.index(value)
    if node.op in _PASSES or node.op in _PICKS:
        return 0 if place == 0 or node.op in _VARIADIC else None
    if node.op == "Where":
        return 0 if place else None
    if node.op not in {"Add", "Sub"} or (node.op == "Sub" and place):
        return None
    other = evaluation.known.get(node.inputs[1 - place])
    if not isinstance(other, torch.Tensor) or other.is_floating_point() or other.numel() == 0:
        return None
    return int(other.max()) if node.op == "Add" else -int(other.max())
