"""Torch operations of hptc's own, where ATen has none: one sort of operation a file.

Importing this package registers them as `torch.ops.hptc.*`, with shapes for fake tensors and, where
they have one, a derivative. Frontends record them in step graphs and the runtime executes them.
"""

from hptc.custom_ops.onnx_node import onnx_node
from hptc.custom_ops.random import normal, uniform

__all__ = ["normal", "onnx_node", "uniform"]
