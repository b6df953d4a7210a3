"""The kernels of one eager step: recorded from torch, described to hptc, never executed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cost_models.work import TaskWork, count_work
from hptc.ir.dtypes import DType
from hptc.ir.families import Family, base_name, family
from hptc.ir.graph import Arg, Graph, Op, Phase, Ref, Role, Value, ValueKind
from hptc.ir.tasks import task_from

Kernels = tuple[TaskWork | None, ...]
"""In the order of issue; None where the host waits for all that it issued."""

_WAITS = "nonzero_static"
"""Stands for `nonzero`, whose result has a size that the host must know."""
_NO_KERNEL = frozenset({"empty", "empty_like", "new_empty", "new_empty_strided", "empty_strided"})


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells kernels apart: operation, arguments with tensors as shapes, results."""

    kind: str
    args: tuple[Any, ...]
    outputs: tuple[tuple[tuple[int, ...], DType], ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One step, kernel by kernel."""

    forward: Kernels
    backward: Kernels
    """Empty in inference. With the sums that add gradients to those of the step before."""
    kept: tuple[int, ...]
    """Bytes of each tensor that the forward pass leaves for the backward pass."""


@dataclass(frozen=True, slots=True)
class _Shape:
    shape: tuple[int, ...]
    dtype: DType


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation that starts a kernel."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[Signature | None] = []
        self.made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **kwargs or {})
        kind = _kind(func)
        if base_name(kind) == _WAITS:
            self.seen.append(None)
            return result
        if family(kind) is Family.VIEW or base_name(kind) in _NO_KERNEL:
            return result
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        for output in outputs:
            storage = output.untyped_storage()
            weak = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
            self.made[storage._cdata] = (weak, storage.nbytes())
        self.seen.append(
            Signature(
                kind,
                tuple(_described(arg) for arg in args),
                tuple((tuple(out.shape), _dtype(out)) for out in outputs),
            )
        )
        return result

    def kept(self) -> tuple[int, ...]:
        """Return the sizes of what was made and still lives."""
        return tuple(
            size
            for storage, size in self.made.values()
            if not storage.expired()  # type: ignore[no-untyped-call]
        )


def cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the loss of a language model."""
    return nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), tokens.view(-1))


def record(
    model: nn.Module,
    inputs: Tensor,
    *,
    training: bool,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
) -> Recorded:
    """Return the kernels of one step; those of a training step add to older gradients.

    Args:
        model: On the meta device, as are its inputs.
        inputs: Of the model.
        training: Whether a backward pass follows.
        loss: Of outputs and inputs. Its forward pass is left out, as in the table.
    """
    model.train(training)
    if not training:
        with torch.no_grad(), _Recorder() as forward:
            model(inputs)
        return Recorded(_works(forward.seen, Role.FORWARD), (), ())
    for parameter in model.parameters():
        parameter.grad = torch.empty_like(parameter)  # of the step before: this one adds to it
    with _Recorder() as forward:
        outputs = model(inputs)
    kept = forward.kept()
    value = loss(outputs, inputs)
    with _Recorder() as backward:
        value.backward()  # type: ignore[no-untyped-call]
    return Recorded(
        _works(forward.seen, Role.FORWARD), _works(backward.seen, Role.INPUT_GRADIENT), kept
    )


def _works(seen: Iterable[Signature | None], role: Role) -> Kernels:
    return tuple(None if signature is None else _work(signature, role) for signature in seen)


@lru_cache(maxsize=4096)
def _work(signature: Signature, role: Role) -> TaskWork:
    """Return one operation as hptc counts it, in a graph of its own."""
    values: list[Value] = []

    def named(arg: Any) -> Arg:
        if isinstance(arg, _Shape):
            values.append(Value(f"in{len(values)}", arg.shape, arg.dtype, ValueKind.BATCH))
            return Ref(values[-1].name)
        if isinstance(arg, tuple):
            return tuple(named(item) for item in arg)
        return arg  # type: ignore[no-any-return]

    args = tuple(named(arg) for arg in signature.args)
    outputs = [
        Value(f"out{index}", shape, dtype, ValueKind.COMPUTED)
        for index, (shape, dtype) in enumerate(signature.outputs)
    ]
    op = Op("op", signature.kind, args, tuple(value.name for value in outputs), role=role)
    graph = Graph(Phase.FULL, (*values, *outputs), (op,), ())
    return count_work(graph, (task_from(graph, "op", (op,)),))[0]


def _kind(func: Any) -> str:
    """The name without the underscore of an operation in place: it moves the same data."""
    space, name = func._schema.name.split("::")
    return f"{space}.{name.removesuffix('_')}.{func._overloadname}"


def _described(arg: Any) -> Any:
    if isinstance(arg, Tensor):
        return _Shape(tuple(arg.shape), _dtype(arg))
    if isinstance(arg, list | tuple):
        return tuple(_described(item) for item in arg)
    return arg if isinstance(arg, bool | int | float | str) else None


def _dtype(tensor: Tensor) -> DType:
    return DType(str(tensor.dtype).removeprefix("torch."))
