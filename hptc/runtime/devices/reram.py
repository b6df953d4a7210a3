"""Functional model of crossbar numerics: quantised matrices, quantised input vectors.

A contraction reads its matrix at `weight_bits` and its input vectors at `input_bits`
(`gradient_bits` in backward), both signed and symmetric. A matrix has one scale, so that a read
with the transpose sees the same cells; an input vector has its own (a convolution: one per sample).
Bit slices and input phases add up exactly. Left out: the range of the ADCs (taken as wide enough),
noise, drift and defects, so the error is a lower bound on that of real arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.errors import TargetError
from hptc.ir.contractions import contraction
from hptc.ir.graph import Graph, Op, Ref, Role
from hptc.ir.layout import matrix_read
from hptc.runtime.kernels import Function, aten_function
from hptc.target import DeviceSpec, Target

_MIN_BITS = 2  # sign and magnitude


@dataclass(frozen=True, slots=True)
class ReramNumerics:
    """Word lengths of one device."""

    weight_bits: int
    input_bits: int
    gradient_bits: int
    """Of an input that is a gradient."""

    def function(self, graph: Graph, op: Op) -> Function | None:
        """Return the quantised contraction; None for an operation that reads no matrix."""
        read, product = matrix_read(graph, op), contraction(graph, op)
        if read is None or product is None:
            return None
        is_right = read.operand == product.right
        vector = product.left if is_right else product.right
        axes = product.left_contracted if is_right else product.right_contracted
        return _Quantised(
            aten_function(op.kind),
            matrix_at=op.args.index(Ref(read.operand)),
            vector_at=op.args.index(Ref(vector)),
            axes=axes or tuple(range(1, len(graph.by_name[vector].shape))),
            weight_bits=self.weight_bits,
            input_bits=self.input_bits if op.role is Role.FORWARD else self.gradient_bits,
        )


@dataclass(frozen=True, slots=True)
class _Quantised:
    exact: Function
    matrix_at: int
    vector_at: int
    axes: tuple[int, ...]
    weight_bits: int
    input_bits: int

    def __call__(self, *args: object, **kwargs: object) -> object:
        quantised = list(args)
        matrix, vector = args[self.matrix_at], args[self.vector_at]
        if isinstance(matrix, Tensor) and isinstance(vector, Tensor):
            every = tuple(range(matrix.dim()))
            quantised[self.matrix_at] = quantise(matrix, self.weight_bits, every)
            quantised[self.vector_at] = quantise(vector, self.input_bits, self.axes)
        return self.exact(*quantised, **kwargs)


def reram_numerics(target: Target) -> dict[str, ReramNumerics]:
    """Return the numerics of each ReRAM device of a target, by device name.

    Raises:
        TargetError: A device does not say its word lengths.
    """
    return {spec.name: _numerics(spec) for spec in target.devices if spec.kind == "reram"}


def quantise(tensor: Tensor, bits: int, axes: Sequence[int]) -> Tensor:
    """Return the nearest of 2**bits - 1 levels, symmetric about 0, as real numbers.

    The largest magnitude along `axes` is a level, so zeros and extremes are exact.
    """
    levels = 2 ** (bits - 1) - 1
    scale = tensor.abs().amax(dim=tuple(axes), keepdim=True) / levels
    safe = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(tensor / safe) * safe


def _numerics(spec: DeviceSpec) -> ReramNumerics:
    bits = [_bits(spec, field) for field in ("weight_bits", "input_bits", "gradient_bits")]
    return ReramNumerics(*bits)


def _bits(spec: DeviceSpec, field: str) -> int:
    found = spec.table.get(field)
    if not isinstance(found, int) or found < _MIN_BITS:
        raise TargetError(
            f"device {spec.name}, {field}",
            expected=f"an integer of at least {_MIN_BITS}",
            found=repr(found),
        )
    return found
