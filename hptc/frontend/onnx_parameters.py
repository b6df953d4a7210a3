"""Which initializers are parameters: decided by use, and where that is open, by their data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum

import torch

from hptc.errors import UsageError
from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_read import all_nodes
from hptc.frontend.onnx_tables import fixed_table


class Use(IntEnum):
    """How an initializer is used; the highest use of several counts."""

    OTHER = 0
    """A bound, a threshold, a fill value."""
    TABLE = 1
    """Added to, multiplied with, or joined to activations."""
    EMBEDDING = 2
    """Rows are looked up."""
    CONTRACTION = 3
    """Weight of a matrix product or convolution."""
    SURE = 4
    """A bias of a contraction, or scale and bias of a normalisation."""
    STATISTIC = 5
    """Running mean or variance."""


@dataclass(frozen=True)
class Choice:
    """Whether an initializer is trained, and why."""

    trained: bool
    reason: str
    certain: bool


_VIEWS = frozenset(
    {
        "Cast",
        "CastLike",
        "Expand",
        "Flatten",
        "Identity",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operations through which the first input is still the same weight."""

_CONTRACTIONS = frozenset({"MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose", "DeformConv"})
_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_NORMS = frozenset(
    {
        "BatchNormalization",
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "SkipLayerNormalization",
    }
)
_USES: Mapping[tuple[str, int], Use] = {
    **{(op, place): Use.SURE for op in _NORMS for place in (1, 2)},
    **{(op, place): Use.CONTRACTION for op in _RECURRENT for place in (1, 2)},
    **{(op, 3): Use.SURE for op in (*_RECURRENT, "DeformConv")},
    **{(op, place): Use.TABLE for op in _RECURRENT for place in (5, 6, 7)},
    **{(op, 2): Use.SURE for op in ("Gemm", "Conv", "ConvTranspose")},
    ("BatchNormalization", 3): Use.STATISTIC,
    ("BatchNormalization", 4): Use.STATISTIC,
    ("PRelu", 1): Use.SURE,
    ("Gather", 0): Use.EMBEDDING,
    ("GatherND", 0): Use.EMBEDDING,
}
"""Uses that the operation and the position settle."""

_JOINS = frozenset({"Add", "Concat", "Div", "Mul", "PRelu", "Sub", "Sum", "Where"})


_CERTAIN = {
    Use.STATISTIC: Choice(False, "running statistic of a normalisation", certain=True),
    Use.OTHER: Choice(False, "not used as a weight", certain=True),
    Use.SURE: Choice(True, "bias of a contraction, or scale or bias of a norm", certain=True),
}


def is_anonymous(name: str) -> bool:
    """Whether the exporter made the name up, e.g. `val_12`, so it is a folded constant.

    >>> is_anonymous("val_12"), is_anonymous("encoder.weight")
    (True, False)
    """
    return re.fullmatch(r"(val|const|onnx::\w+|_val|tmp)_\d+", name) is not None


def choose_trained(graph: Graph) -> dict[str, Choice]:
    """Return the choice for every initializer of a floating type."""
    uses = _Uses(graph)
    return {
        name: _choose(name, value, uses.of(name))
        for name, value in graph.initializers.items()
        if value.is_floating_point()
    }


def overrule(
    choices: Mapping[str, Choice], pattern: str | None, *, trained: bool
) -> dict[str, Choice]:
    """Return the choices with those that `pattern` is found in set to `trained`.

    Raises:
        UsageError: the pattern is no regular expression, or is found in no name.
    """
    if pattern is None:
        return dict(choices)
    option = f"{'--train' if trained else '--frozen'} {pattern}"
    try:
        found = {name for name in choices if re.search(pattern, name)}
    except re.error as error:
        raise UsageError(option, expected="a regular expression", found=str(error)) from error
    if not found:
        near = get_close_matches(pattern, choices, n=3, cutoff=0.3) or sorted(choices)[:3]
        raise UsageError(
            option,
            expected="a pattern that is found in a floating-point initializer",
            found="none that matches",
            hint=f"Near names: {', '.join(near)}.",
        )
    chosen = Choice(trained, f"named by {option}", certain=True)
    return {name: chosen if name in found else choice for name, choice in choices.items()}


def _choose(name: str, value: torch.Tensor, use: Use) -> Choice:
    if use in _CERTAIN:
        return _CERTAIN[use]
    if value.numel() == 1 and use is not Use.CONTRACTION:
        return Choice(False, "a single number", certain=is_anonymous(name))
    fixed = fixed_table(value)
    if fixed is not None:
        return Choice(False, f"its data is {fixed}", certain=False)
    if use is Use.TABLE and is_anonymous(name):
        return Choice(False, "a constant folded by the exporter", certain=False)
    if use is Use.TABLE:
        return Choice(True, "a table added or multiplied, with no fixed pattern", certain=False)
    return Choice(True, "an embedding table or contraction weight", certain=True)


class _Uses:
    """Finds the uses of initializers in a graph."""

    def __init__(self, graph: Graph) -> None:
        self.readers: dict[str, list[tuple[Node, int]]] = {}
        self.producer: dict[str, Node] = {}
        self.shapes = {name: tuple(value.shape) for name, value in graph.initializers.items()}
        for node in all_nodes(graph):
            for place, name in enumerate(node.inputs):
                self.readers.setdefault(name, []).append((node, place))
            for name in node.outputs:
                self.producer[name] = node

    def of(self, name: str) -> Use:
        """Return the use that counts, following the initializer through its views."""
        best = Use.OTHER
        pending, seen = [name], {name}
        while pending:
            for node, place in self.readers.get(pending.pop(), ()):
                if node.op in _VIEWS and place == 0:
                    pending += [output for output in node.outputs if output not in seen]
                    seen.update(node.outputs)
                else:
                    best = max(best, self._use(node, place, self.shapes[name]))
        return best

    def _use(self, node: Node, place: int, shape: tuple[int, ...]) -> Use:
        named = _USES.get((node.op, place))
        if named is not None:
            return named
        if node.op in _CONTRACTIONS:
            return Use.CONTRACTION
        if node.op not in _JOINS:
            return Use.OTHER
        is_vector = sum(extent > 1 for extent in shape) <= 1
        if node.op == "Add" and is_vector and self._is_contracted(node.inputs[1 - place]):
            return Use.SURE
        return Use.TABLE

    def _is_contracted(self, name: str) -> bool:
        """Whether the value is the result of a contraction, in any form."""
        node = self.producer.get(name)
        while node is not None and node.op in _VIEWS:
            node = self.producer.get(node.inputs[0])
        return node is not None and node.op in _CONTRACTIONS
