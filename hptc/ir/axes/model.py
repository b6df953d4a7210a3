"""What an operation declares about its axes: a letter for each, as in an einsum."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hptc.ir.arguments import Arguments
from hptc.ir.families import base_name
from hptc.ir.graph import Arg, Graph, Op, Ref, Value

CLOSED = "."
"""Stands for an axis of which every element is needed at once (`all`)."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Accumulate(Enum):
    """How the results for chunks of rows make up the whole result."""

    SUM = "sum"
    MEAN = "mean"
    """Each chunk counts by its share of the rows."""
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


@dataclass(frozen=True, slots=True)
class Labels:
    """The axes of an operation.

    Axes of one letter run over the same rows. Where an output has the letter too, a chunk of its
    rows depends on that chunk alone (`map`); where it lacks it, chunks accumulate (`reduce`).
    """

    operands: tuple[str, ...]
    """Letters of each operand; an operand without letters is always read whole."""
    outputs: tuple[str, ...]
    accumulate: Accumulate = Accumulate.SUM


class Site:
    """An operation where it stands: its operands by position, its literal arguments."""

    def __init__(self, graph: Graph, op: Op) -> None:
        self.op = op
        self.kind = base_name(op.kind)
        self.overload = op.kind.split(".")[-1]
        self.args = Arguments(op)
        self.graph = graph
        arguments: list[tuple[int | str, Arg]] = [*enumerate(op.args), *op.kwargs]
        found = [(slot, ref) for slot, arg in arguments for ref in _refs(arg)]
        self.slots = tuple(slot for slot, _ in found)
        """Argument that each operand stands in: its position, or its name."""
        self.operands = tuple(graph.by_name[ref] for _, ref in found)
        self.outputs = tuple(graph.by_name[name] for name in op.outputs)

    def labels(
        self,
        operands: dict[int, str],
        outputs: Sequence[str],
        accumulate: Accumulate = Accumulate.SUM,
    ) -> Labels:
        """Return labels from those of the arguments, by position of the argument."""
        listed = (operands.get(slot, "") if isinstance(slot, int) else "" for slot in self.slots)
        return Labels(tuple(listed), tuple(outputs), accumulate)

    def axis(self, position: int, default: int = 0) -> int:
        """Return the argument `dim`, counted from the front of the first operand."""
        return self.args.axis(position, "dim", len(self.operands[0].shape), default)


def letters(value: Value) -> str:
    """Return one letter for each axis of a value.

    >>> from hptc.ir.dtypes import DType
    from hptc.ir.graph import ValueKind
    >>> letters(Value("x", (2, 3, 4), DType.FLOAT32, ValueKind.BATCH))
    'abc'
    """
    return _LETTERS[: len(value.shape)]


def close(labels: str, axes: Sequence[int]) -> str:
    """Return the labels with some axes closed.

    >>> close("abc", (1,))
    'a.c'
    """
    return "".join(CLOSED if axis in axes else label for axis, label in enumerate(labels))


def right_aligned(labels: str, value: Value, whole: tuple[int, ...]) -> str:
    """Label an operand from its last axis on; axes stretched over the whole are closed."""
    missing = len(labels) - len(value.shape)
    stretched = [a for a, extent in enumerate(value.shape) if extent != whole[missing + a]]
    return close(labels[missing:], stretched)


def _refs(arg: Arg) -> list[str]:
    if isinstance(arg, Ref):
        return [arg.ref]
    return [name for item in arg for name in _refs(item)] if isinstance(arg, tuple) else []
