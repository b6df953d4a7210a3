"""Quantisation followed by its inverse: one operation, which has a gradient."""

from dataclasses import replace
from types import MappingProxyType

from hptc.frontend.onnx_graph import Node

_FIRST_INPUTS = 3
"""Value, scale and zero point."""


class QuantizePairs:
    """Finds `DequantizeLinear` of the result of `QuantizeLinear` as nodes go by in order.

    A result of 8 bits has no gradient; the pair rounds a number, and has.
    """

    def __init__(self) -> None:
        """Start where no node has been seen."""
        self._sources: dict[str, Node] = {}

    def joined(self, node: Node) -> Node:
        """Return the operation that the pair comes to, where `node` is its second half."""
        if node.domain:
            return node
        if node.op == "QuantizeLinear":
            self._sources[node.outputs[0]] = node
        source = self._sources.get(node.inputs[0]) if node.op == "DequantizeLinear" else None
        if source is None:
            return node
        missing = ("",) * (_FIRST_INPUTS - len(source.inputs))
        return replace(
            node,
            op="QuantizeDequantize",
            domain="hptc",
            inputs=(*source.inputs, *missing, *node.inputs[1:]),
            attributes=MappingProxyType(
                {"quantize": source.attributes, "dequantize": node.attributes}
            ),
        )
