"""Operations as callables: an ATen overload and a template of its arguments, resolved once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

import hptc.custom_ops  # noqa: F401  (registers torch.ops.hptc)
from hptc.errors import UnsupportedOpError, VerifyError
from hptc.ir.graph import Arg, DTypeArg, Graph, Op, Ref
from hptc.runtime.tensors import TORCH_DTYPES

Memory = dict[str, Tensor]
"""Tensors by value name. They are never written in place, so copies may share storage."""

Function = Callable[..., object]

_KIND = re.compile(r"(aten|prims|hptc)\.(\w+)\.(\w+)")
_ROW_MAJOR = frozenset(
    {
        "native_group_norm",
        "native_group_norm_backward",
        "native_layer_norm_backward",
        "nll_loss2d_backward",
    }
)
"""Kernels of torch that misread operands of other strides, or refuse them; autograd copies those
first, but it sees strides of the capture, which can differ from those here."""
_FORBIDDEN = frozenset({"from_file"})  # a bundle must not touch other files


class Numerics(Protocol):
    """How a device computes, where that differs from exact arithmetic."""

    def function(self, graph: Graph, op: Op) -> Function | None:
        """Return what computes `op` on the device, None for exact arithmetic."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One operation, ready to run on the tensors of one device."""

    op: Op
    function: Function
    args: tuple[object, ...]
    """Literal arguments, with a gap where a value goes."""
    refs: tuple[tuple[int, str], ...]
    """Position and name of each value among the arguments."""
    nested: tuple[tuple[int, Arg], ...]
    """Position and template of each tuple that holds values."""
    kwargs: tuple[tuple[str, Arg], ...]

    def run(self, memory: Memory) -> None:
        """Compute the outputs from values in `memory`, and put them there.

        Raises:
            KeyError: An input is absent; its name is the argument.
            VerifyError: The result does not have the outputs that the graph says.
        """
        args = list(self.args)
        for position, name in self.refs:
            args[position] = memory[name]
        for position, template in self.nested:
            args[position] = _filled(template, memory)
        kwargs = {key: _filled(template, memory) for key, template in self.kwargs}
        try:
            result = self.function(*args, **kwargs)
        except Exception as err:
            err.add_note(f"in operation {self.op.name} ({self.op.kind})")
            raise
        if isinstance(result, Tensor):
            result = (result,)
        self._store(result, memory)

    def _store(self, result: object, memory: Memory) -> None:
        # Outputs that the arguments mask out come as None, and have no name in the graph.
        tensors = [t for t in result if t is not None] if isinstance(result, Sequence) else []
        if len(tensors) != len(self.op.outputs):
            raise VerifyError(
                f"operation {self.op.name} ({self.op.kind})",
                expected=f"{len(self.op.outputs)} results",
                found=str(len(tensors)),
            )
        memory.update(zip(self.op.outputs, tensors, strict=True))


def compile_kernel(op: Op, function: Function | None = None) -> Kernel:
    """Return the operation as a kernel.

    Args:
        op: The operation.
        function: What computes it; None for the ATen overload that it names.

    Raises:
        UnsupportedOpError: There is no such overload, or it is not pure.
    """
    values = [(i, arg) for i, arg in enumerate(op.args) if _holds_values(arg)]
    return Kernel(
        op,
        function or aten_function(op.kind),
        args=tuple(None if _holds_values(arg) else _filled(arg, {}) for arg in op.args),
        refs=tuple((i, arg.ref) for i, arg in values if isinstance(arg, Ref)),
        nested=tuple((i, arg) for i, arg in values if not isinstance(arg, Ref)),
        kwargs=op.kwargs,
    )


@cache
def aten_function(kind: str) -> Function:
    """Return the overload that an operation kind names, e.g. `aten.mm.default`.

    Raises:
        UnsupportedOpError: There is no such overload, or it is not pure.
    """
    match = _KIND.fullmatch(kind)
    if match is None or match[2] in _FORBIDDEN:
        raise UnsupportedOpError(
            f"operation kind {kind}", expected="a pure ATen overload", found="something else"
        )
    packet = getattr(getattr(torch.ops, match[1]), match[2], None)
    overload = getattr(packet, match[3], None)
    if not isinstance(overload, torch._ops.OpOverload):
        raise UnsupportedOpError(
            f"operation kind {kind}",
            expected=f"an ATen overload of torch {torch.__version__}",
            found="none",
        )
    draws = torch.Tag.nondeterministic_seeded in overload.tags
    if draws or overload._schema.is_mutable:
        raise UnsupportedOpError(
            f"operation kind {kind}",
            expected="a pure operation",
            found="one that draws from a hidden state" if draws else "one that writes in place",
        )
    return _row_major(overload) if match[2] in _ROW_MAJOR else overload


def _row_major(function: Function) -> Function:
    """Return the function on operands that lie row after row."""

    def call(*args: object) -> object:
        return function(*(arg.contiguous() if isinstance(arg, Tensor) else arg for arg in args))

    return call


def _holds_values(arg: Arg) -> bool:
    if isinstance(arg, tuple):
        return any(_holds_values(item) for item in arg)
    return isinstance(arg, Ref)


def _filled(arg: Arg, memory: Mapping[str, Tensor]) -> object:
    if isinstance(arg, Ref):
        return memory[arg.ref]
    if isinstance(arg, DTypeArg):
        return TORCH_DTYPES[arg.dtype]
    if isinstance(arg, tuple):
        return [_filled(item, memory) for item in arg]
    return arg
