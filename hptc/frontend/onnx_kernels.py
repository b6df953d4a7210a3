"""Which element types keep torch from computing an operation of an ONNX model."""

from collections.abc import Iterator, Mapping

import torch

from hptc.frontend.onnx_graph import Node
from hptc.frontend.onnx_ops.values import Foreign, Value, leaves

_STRUCTURAL = frozenset(
    {
        "Constant",
        "Identity",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
        "SequenceAt",
        "SequenceConstruct",
        "SequenceEmpty",
        "SequenceErase",
        "SequenceInsert",
        "SequenceLength",
    }
)
"""Operations that hand tensors on without a look at their elements."""

_USUAL = frozenset(
    {
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.uint8,
        torch.bool,
    }
)
"""Element types for which torch has kernels of nearly all operations."""


def is_foreign(node: Node, values: Mapping[str, Value]) -> bool:
    """Tell whether a node computes on elements of a type that torch does not have."""
    found = _leaves(node, values)
    return node.op not in _STRUCTURAL and any(isinstance(leaf, Foreign) for leaf in found)


def lacks_kernel(node: Node, values: Mapping[str, Value], fault: BaseException | None) -> bool:
    """Tell whether torch stumbled over an element type, not over the model."""
    tensors = (leaf for leaf in _leaves(node, values) if isinstance(leaf, torch.Tensor))
    is_usual = all(tensor.dtype in _USUAL for tensor in tensors)
    return isinstance(fault, NotImplementedError) or not is_usual


def _leaves(node: Node, values: Mapping[str, Value]) -> Iterator[torch.Tensor | Foreign]:
    """Yield the tensors that a node reads, those in sequences too."""
    for name in node.inputs:
        if name in values:
            yield from leaves(values[name])
