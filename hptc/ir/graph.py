"""The graph of one whole training step in one phase: frozen values, operations and graph.

A graph is pure: operations never write in place. State (parameters, moments, buffers) enters as
input values and leaves through `updates`, which say what each one becomes for the next step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import MappingProxyType

from typing_extensions import TypeAliasType

from hptc.ir.dtypes import DType


class Phase(Enum):
    """A stretch of training with one set of trained parameters."""

    FULL = "full"
    LOW = "low"
    INFER = "infer"


class ValueKind(Enum):
    """Where a value comes from."""

    BATCH = "batch"  # model inputs and target, new every step
    PARAMETER = "param"  # trained exactly when an update names it
    BUFFER = "buffer"  # non-parameter state of the model, e.g. running statistics
    STATE = "state"  # optimizer state, e.g. moments
    RANDOM = "random"  # what random numbers follow from, seeded at compile time
    HYPER = "hyper"  # learning rate and step count, set by the driver every step
    CONSTANT = "const"  # known at compile time
    COMPUTED = "op"  # result of an operation


STEP_INPUTS = frozenset({ValueKind.BATCH, ValueKind.HYPER})
"""Kinds of values that the driver hands over at every step, to whichever device reads them."""


class Residency(Enum):
    """How long a value stays fixed, seen from one phase; listed from least to most volatile."""

    CONSTANT = "constant"
    STATIC = "static"
    TRAINABLE = "trainable"
    TRANSIENT = "transient"

    @property
    def is_fixed(self) -> bool:
        """Whether the value stays as it is for the whole phase."""
        return self in _FIXED


_FIXED = frozenset({Residency.CONSTANT, Residency.STATIC})


class OperandTag(Enum):
    """What may change about the operands of an operation during the phase."""

    FOLDED = "folded"
    STATIC = "static"
    TRAINABLE = "trainable"
    DYNAMIC = "dynamic"


class Role(Enum):
    """The part an operation plays in the step."""

    FORWARD = "forward"
    INPUT_GRADIENT = "input-gradient"
    WEIGHT_GRADIENT = "weight-gradient"
    OPTIMIZER = "optimizer"


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor of the step."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    kind: ValueKind
    residency: Residency | None = None
    """None until the pass `tag-residency` has run."""

    @property
    def numel(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def bytes(self) -> int:
        """Size of the dense tensor in bytes."""
        return self.numel * self.dtype.bytes


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for a value among the arguments of an operation."""

    ref: str


@dataclass(frozen=True, slots=True)
class DTypeArg:
    """An element type among the arguments of an operation."""

    dtype: DType


Arg = TypeAliasType("Arg", "Ref | DTypeArg | bool | int | float | str | tuple[Arg, ...] | None")
"""One argument: a value, a literal, or a (nested) tuple of arguments."""


@dataclass(frozen=True)
class Op:
    """One ATen operation, e.g. `aten.mm.default`, with its arguments spelled out."""

    name: str
    kind: str
    args: tuple[Arg, ...]
    outputs: tuple[str, ...]
    kwargs: tuple[tuple[str, Arg], ...] = ()
    role: Role = Role.FORWARD
    tag: OperandTag | None = None
    """None until the pass `tag-operands` has run."""
    task: str | None = None
    """The task that the operation belongs to; None until the pass `fuse-chains` has run."""
    source: str = ""
    """Provenance: module path, ONNX node or optimizer parameter."""
    rows: tuple[int, int] | None = None
    """First row and the one after the last, of one chunk; None: all rows at once."""
    accumulates: bool = False
    """Adds the part of its rows to what the chunks before it made."""

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the values read, in argument order, each once."""
        refs = [name for arg in self.args for name in _refs(arg)]
        refs += [name for _, arg in self.kwargs for name in _refs(arg)]
        return tuple(dict.fromkeys(refs))


def _refs(arg: Arg) -> Iterator[str]:
    if isinstance(arg, Ref):
        yield arg.ref
    elif isinstance(arg, tuple):
        for item in arg:
            yield from _refs(item)


@dataclass(frozen=True, slots=True)
class Update:
    """At the end of the step, `state` takes the value `new`."""

    state: str
    new: str


@dataclass(frozen=True, slots=True)
class Named:
    """A value of the graph under a name the user knows: an output, or a parameter's gradient."""

    name: str
    value: str


@dataclass(frozen=True)
class Graph:
    """Operations of one phase, in topological order (checked by `hptc.ir.verify`)."""

    phase: Phase
    values: tuple[Value, ...]
    """Inputs and constants first, then the outputs of the operations in their order."""
    ops: tuple[Op, ...]
    outputs: tuple[Named, ...]
    """`loss` (absent in `infer`), and what the phase yields of the model, e.g. `output`."""
    updates: tuple[Update, ...] = ()
    gradients: tuple[Named, ...] = ()
    """Gradient of the loss, under the name of its parameter."""

    @cached_property
    def by_name(self) -> Mapping[str, Value]:
        """Values by name."""
        return MappingProxyType({value.name: value for value in self.values})

    @cached_property
    def given(self) -> tuple[Value, ...]:
        """Values that no operation computes: inputs, state and constants, in order."""
        return tuple(value for value in self.values if value.kind is not ValueKind.COMPUTED)

    @cached_property
    def op_by_name(self) -> Mapping[str, Op]:
        """Operations by name."""
        return MappingProxyType({op.name: op for op in self.ops})

    @cached_property
    def producer(self) -> Mapping[str, Op]:
        """The operation that computes each value (inputs and constants have none)."""
        return MappingProxyType({name: op for op in self.ops for name in op.outputs})

    @cached_property
    def readers(self) -> Mapping[str, tuple[Op, ...]]:
        """The operations that read each value, in graph order."""
        found: dict[str, list[Op]] = {value.name: [] for value in self.values}
        for op in self.ops:
            for name in op.inputs:
                found[name].append(op)
        return MappingProxyType({name: tuple(ops) for name, ops in found.items()})

    @cached_property
    def becomes(self) -> Mapping[str, str]:
        """The value that each updated state takes for the next step."""
        return MappingProxyType({update.state: update.new for update in self.updates})

    @cached_property
    def trained(self) -> tuple[str, ...]:
        """Names of the parameters that the phase trains."""
        kinds = {value.name: value.kind for value in self.values}
        return tuple(u.state for u in self.updates if kinds[u.state] is ValueKind.PARAMETER)

    @cached_property
    def kept(self) -> frozenset[str]:
        """Values that must outlive the step: outputs, and what state becomes."""
        return frozenset(
            [named.value for named in self.outputs] + [update.new for update in self.updates]
        )
