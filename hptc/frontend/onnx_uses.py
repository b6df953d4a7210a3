"""How a model uses each initializer, followed through the forms that it takes."""

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum

import torch

from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_read import all_nodes


class Use(IntEnum):
    """How an initializer is used; the highest use of several counts."""

    OTHER = 0
    """A bound, a threshold, a fill value."""
    SHIFT = 1
    """Mean or deviation in (x - mean) / deviation, written out."""
    TABLE = 2
    """Added to, multiplied with, or joined to activations."""
    EMBEDDING = 3
    """Rows are looked up."""
    CONTRACTION = 4
    """Weight of a matrix product or convolution."""
    SURE = 5
    """A bias of a contraction, or scale and bias of a normalisation."""
    STATISTIC = 6
    """Running mean or variance."""


_VIEWS = frozenset(
    {
        "Cast",
        "CastLike",
        "DequantizeLinear",
        "Expand",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "SequenceAt",
        "Slice",
        "Split",
        "SplitToSequence",
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
    **{("Attention", place): Use.TABLE for place in (0, 1, 2)},
    ("PRelu", 1): Use.SURE,
    ("Gather", 0): Use.EMBEDDING,
    ("GatherND", 0): Use.EMBEDDING,
}
"""Uses that the operation and the position settle."""

_JOINS = frozenset({"Add", "Concat", "Div", "Mul", "PRelu", "Sub", "Sum", "Where"})

_SHAPING = frozenset(
    {
        "Abs",
        "Clip",
        "Exp",
        "Log",
        "Neg",
        "Pow",
        "Reciprocal",
        "Relu",
        "Sigmoid",
        "Softmax",
        "Softplus",
        "Sqrt",
        "Tanh",
    }
)
"""Functions that a parameter may pass before it is used, e.g. exp of a logarithmic scale."""


def _links(node: Node) -> list[Node]:
    """Return what carries values into and out of the bodies of a node: identities.

    Inputs and results of `If`, `Loop` and `Scan` end alike outside and inside, so they pair up from
    the end.
    """
    links = []
    for body in node.attributes.values():
        if isinstance(body, Graph):
            formal = [value.name for value in body.inputs]
            pairs = [*zip(node.inputs[::-1], formal[::-1], strict=False)]
            pairs += zip(body.outputs[::-1], node.outputs[::-1], strict=False)
            links += [replace(node, op="Identity", inputs=(a,), outputs=(b,)) for a, b in pairs]
    return links


class Uses:
    """Finds the uses of initializers in a graph."""

    def __init__(self, graph: Graph) -> None:
        """Index the graph, branches included."""
        self.readers: dict[str, list[tuple[Node, int]]] = {}
        self.producer: dict[str, Node] = {}
        self.initializers = graph.initializers
        for node in [inner for outer in all_nodes(graph) for inner in (outer, *_links(outer))]:
            for place, name in enumerate(node.inputs):
                self.readers.setdefault(name, []).append((node, place))
            for name in node.outputs:
                self.producer[name] = node

    def of(self, name: str) -> Use:
        """Return the use that counts, following the initializer through its forms."""
        best = Use.OTHER
        pending, seen = [name], {name}
        while pending:
            for node, place in self.readers.get(pending.pop(), ()):
                if self._hands_on(node, place):
                    pending += [output for output in node.outputs if output not in seen]
                    seen.update(node.outputs)
                else:
                    best = max(best, self._use(node, place, self.initializers[name]))
        return best

    def _hands_on(self, node: Node, place: int) -> bool:
        """Whether the result of `node` is still the same weight in another form."""
        if node.op in _VIEWS or node.op in _SHAPING:
            return place == 0
        return node.op in {"Add", "Mul"} and self._is_number(node.inputs[1 - place])

    def _use(self, node: Node, place: int, value: torch.Tensor) -> Use:
        named = _USES.get((node.op, place))
        if named is not None:
            return named
        if node.op in _CONTRACTIONS:
            return Use.CONTRACTION
        if node.op not in _JOINS:
            return Use.OTHER
        is_vector = sum(extent > 1 for extent in value.shape) <= 1
        if node.op == "Add" and is_vector and self._is_contracted(node.inputs[1 - place]):
            return Use.SURE
        return Use.SHIFT if self._normalises(node, place) else Use.TABLE

    def _is_number(self, name: str) -> bool:
        value = self.initializers.get(name)
        node = self.producer.get(name)
        if node is not None and node.op in _VIEWS:
            return self._is_number(node.inputs[0])
        if node is not None and node.op == "Constant":
            value = next(iter(node.attributes.values()))
        return isinstance(value, int | float) or (
            isinstance(value, torch.Tensor) and value.numel() == 1
        )

    def _is_stored(self, name: str) -> bool:
        """Whether the value is an initializer of several numbers, in any form."""
        node = self.producer.get(name)
        if node is None:
            value = self.initializers.get(name)
            return value is not None and value.numel() > 1
        hands_on = any(self._hands_on(node, place) for place in range(len(node.inputs[:2])))
        return hands_on and any(self._is_stored(source) for source in node.inputs)

    def _normalises(self, node: Node, place: int) -> bool:
        """Whether the operand is the mean or the deviation of (x - mean) / deviation."""
        if place != 1 or node.op not in {"Div", "Mul", "Sub"}:
            return False
        if node.op == "Sub":
            readers = self.readers.get(node.outputs[0], ())
            return any(
                reader.op in {"Div", "Mul"} and at == 0 and self._scales(reader)
                for reader, at in readers
            )
        shifted = self.producer.get(node.inputs[0])
        return shifted is not None and self._shifts(shifted) and self._scales(node)

    def _shifts(self, node: Node) -> bool:
        return node.op == "Sub" and self._is_stored(node.inputs[1])

    def _scales(self, node: Node) -> bool:
        """Whether `node` divides by stored numbers, or multiplies with a reciprocal of such."""
        if not self._is_stored(node.inputs[1]):
            return False
        source = self.producer.get(node.inputs[1])
        return node.op == "Div" or (source is not None and source.op in {"Pow", "Reciprocal"})

    def _is_contracted(self, name: str) -> bool:
        """Whether the value is the result of a contraction, in any form."""
        node = self.producer.get(name)
        while node is not None and node.op in _VIEWS:
            node = self.producer.get(node.inputs[0])
        return node is not None and node.op in _CONTRACTIONS
