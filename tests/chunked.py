"""Executes an operation whole and chunk by chunk of rows, to check what it declares of its axes."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from hptc.ir.axes import Accumulate, Loop, Rows, loop, resized
from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, Graph, Named, Op, Phase, Ref, Value, ValueKind
from tests.evaluate import results


class Float(tuple[int, ...]):
    """Stands for a random operand of this shape."""


class Index(tuple[int, ...]):
    """Stands for an operand of zeros and ones, which index anything."""


class Mask(tuple[int, ...]):
    """Stands for a random boolean operand."""


def make(kind: str, *args: object) -> tuple[Graph, dict[str, Tensor]]:
    """Return a graph of one operation with random operands, and all its values."""
    data: dict[str, Tensor] = {}
    op = Op("y", kind, tuple(_arg(arg, data) for arg in args), ())
    made = results(op, data)
    op = Op("y", kind, op.args, tuple(f"y.{number}" for number in range(len(made))))
    given = tuple(_value(name, tensor, ValueKind.BATCH) for name, tensor in data.items())
    data.update(zip(op.outputs, made, strict=True))
    computed = tuple(_value(name, data[name], ValueKind.COMPUTED) for name in op.outputs)
    return Graph(Phase.FULL, given + computed, (op,), (Named("output", "y.0"),)), data


def _arg(arg: object, data: dict[str, Tensor]) -> Arg:
    name = f"x{len(data)}"
    if isinstance(arg, Float):
        data[name] = torch.randn(tuple(arg), dtype=torch.float64)
    elif isinstance(arg, Index | Mask):
        data[name] = torch.randint(0, 2, tuple(arg))
        data[name] = data[name].bool() if isinstance(arg, Mask) else data[name]
    elif isinstance(arg, tuple):
        return tuple(_arg(item, data) for item in arg)
    else:
        return arg  # type: ignore[return-value]
    return Ref(name)


def _value(name: str, tensor: Tensor, kind: ValueKind) -> Value:
    dtype = DType(str(tensor.dtype).removeprefix("torch."))
    return Value(name, tuple(tensor.shape), dtype, kind)


def operands(op: Op) -> list[str]:
    """Return the values among the arguments, with repetition."""
    return [name for arg in op.args for name in _names(arg)]


def declared_loops(graph: Graph, op: Op) -> list[tuple[int, Rows, Loop]]:
    """Return the loops over every axis of every operand of which an operation declares one."""
    names = operands(op)
    asked = [
        (position, Rows(axis))
        for position, name in enumerate(names)
        for axis, extent in enumerate(graph.by_name[name].shape)
        if extent > 1
    ]
    found = [(position, rows, loop(graph, op, position, rows)) for position, rows in asked]
    return [(position, rows, way) for position, rows, way in found if way is not None]


def _names(arg: Arg) -> list[str]:
    if isinstance(arg, Ref):
        return [arg.ref]
    return [name for item in arg for name in _names(item)] if isinstance(arg, tuple) else []


def agrees(op: Op, way: Loop, data: Mapping[str, Tensor], count: int, cut: int) -> bool:
    """Say whether chunks of rows give what the whole operation gives.

    Args:
        op: The operation.
        way: The loop in question.
        data: Its operands and results.
        count: Number of rows.
        cut: Rows of the first of two chunks.
    """
    names = operands(op)
    parts, ranges = [], (range(cut), range(cut, count))
    for rows in ranges:
        chunk = [_chunk(data[n], r, rows, count) for n, r in zip(names, way.reads, strict=True)]
        places = {f"c{position}": tensor for position, tensor in enumerate(chunk)}
        shapes = [
            tuple(_chunk(data[n], r if isinstance(r, Rows) else None, rows, count).shape)
            for n, r in zip(op.outputs, way.writes, strict=True)
        ]
        parts.append(results(_resized(op, places, shapes[0]), places))
    return all(
        _whole(data[name], fate, [part[number] for part in parts], ranges, count)
        for number, (name, fate) in enumerate(zip(op.outputs, way.writes, strict=True))
    )


def _chunk(tensor: Tensor, at: Rows | None, rows: range, count: int) -> Tensor:
    return tensor if at is None else tensor.index_select(at.axis, _entries(at, rows, count, tensor))


def _entries(at: Rows, rows: range, count: int, tensor: Tensor) -> Tensor:
    places = torch.arange(tensor.shape[at.axis]).reshape(at.outer, count, at.unit)
    return places[:, rows.start : rows.stop].flatten()


def _resized(op: Op, places: Mapping[str, Tensor], shape: tuple[int, ...]) -> Op:
    """Return the operation on a chunk: arguments that repeat a shape say that of the chunk."""
    fresh = iter(places)
    args = tuple(_renamed(arg, fresh) for arg in op.args)
    return resized(Op(op.name, op.kind, args, op.outputs, op.kwargs), shape)


def _renamed(arg: Arg, fresh: Iterator[str]) -> Arg:
    if isinstance(arg, Ref):
        return Ref(next(fresh))
    return tuple(_renamed(item, fresh) for item in arg) if isinstance(arg, tuple) else arg


def _whole(
    whole: Tensor,
    fate: Rows | Accumulate | None,
    parts: Sequence[Tensor],
    ranges: Sequence[range],
    count: int,
) -> bool:
    """Say whether the parts of one output make it up, as its fate says."""
    if isinstance(fate, Rows):
        expected = [_chunk(whole, fate, rows, count) for rows in ranges]
        return all(_close(e, part) for e, part in zip(expected, parts, strict=True))
    first, second = parts
    match fate:
        case Accumulate.SUM:
            return _close(whole, first + second)
        case Accumulate.MEAN:
            weighted = [
                part * (len(rows) / count) for part, rows in zip(parts, ranges, strict=True)
            ]
            return _close(whole, weighted[0] + weighted[1])
        case Accumulate.MAXIMUM:
            return _close(whole, torch.maximum(first, second))
        case Accumulate.MINIMUM:
            return _close(whole, torch.minimum(first, second))
        case None:
            return not whole.numel()


def _close(expected: Tensor, found: Tensor) -> bool:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return False
    return torch.allclose(expected.double(), found.double(), atol=1e-9, equal_nan=True)
