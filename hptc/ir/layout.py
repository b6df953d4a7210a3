"""Where values live: views share the storage of their root, under computed strides."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from hptc.ir.contractions import contraction
from hptc.ir.families import Family, base_name, family
from hptc.ir.graph import Graph, Op, Residency, Value
from hptc.ir.once import once_for_form
from hptc.ir.views import Strided, view_outputs

_LEAST_CHUNKS = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A value as a strided window on the storage of its root."""

    root: str
    """Name of the value that owns the storage."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """Step of each axis, in elements."""
    offset: int
    """First element."""

    @property
    def distinct(self) -> int:
        """Number of elements stored: axes expanded by stride 0 count once."""
        return prod(n for n, stride in zip(self.shape, self.strides, strict=True) if stride)


@dataclass(frozen=True, slots=True)
class MatrixRead:
    """The non-transient operand of a contraction, seen as a crossbar matrix."""

    root: str
    """Owner of the storage: W and its transpose are one matrix."""
    operand: str
    """Name of the value the contraction reads."""
    transposed: bool
    """The contraction does not sum over the innermost axis of the storage."""
    rows: int
    """Contracted extent K."""
    cols: int
    """Output extent N."""
    vectors: int
    """Input vectors per step and matrix."""
    batch: int
    """Independent matrices of this size (groups, stacked products)."""
    matrix: str
    """Identity of the matrix: the root, with the window where only a part of it is read."""


@once_for_form
def layouts(graph: Graph) -> Mapping[str, Layout]:
    """Return the layout of every value.

    Inputs and results of computations are dense and row-major. A reshape that cannot be a view
    and a view kind that cannot be followed own new storage.
    """
    found = {value.name: _dense(value) for value in graph.values}
    for op in graph.ops:
        if family(op.kind) is Family.VIEW:
            found.update(_followed(op, found[op.inputs[0]]))
    return MappingProxyType(found)


def layout_of(graph: Graph, name: str) -> Layout:
    """Return the layout of one value."""
    return layouts(graph)[name]


def is_alias(graph: Graph, op: Op) -> bool:
    """Say whether the operation moves no data: a view that shares the storage of its input."""
    if family(op.kind) is not Family.VIEW:
        return False
    return layout_of(graph, op.outputs[0]).root != op.outputs[0]


def is_join(graph: Graph, op: Op) -> bool:
    """Say whether the operation puts all chunks of rows of a value together, one after the other.

    It moves no data: chunks are written to their places in the whole.
    """
    if base_name(op.kind) != "cat" or op.rows is not None or len(op.inputs) < _LEAST_CHUNKS:
        return False
    stop = 0
    for name in op.inputs:
        maker = graph.producer.get(name)
        if maker is None or maker.rows is None or maker.rows[0] != stop:
            return False
        stop = maker.rows[1]
    return True


def moves_nothing(graph: Graph, op: Op) -> bool:
    """Say whether the operation moves no data, as a view or as a join of chunks."""
    return is_alias(graph, op) or is_join(graph, op)


@once_for_form
def aliases(graph: Graph) -> frozenset[str]:
    """Return the names of all views that move no data (see `is_alias`)."""
    found = layouts(graph)
    return frozenset(op.name for op in graph.ops if found[op.outputs[0]].root not in op.outputs)


def matrix_read(graph: Graph, op: Op) -> MatrixRead | None:
    """Return the matrix that a contraction reads from a non-transient operand.

    None unless exactly one operand is transient, and for a convolution whose weight it is.
    Needs residencies.
    """
    found = contraction(graph, op)
    if found is None:
        return None
    right = graph.by_name[found.left].residency is Residency.TRANSIENT
    if right == (graph.by_name[found.right].residency is Residency.TRANSIENT):
        return None
    operand, axes = (
        (found.right, found.right_contracted) if right else (found.left, found.left_contracted)
    )
    if not axes:
        return None
    layout = layout_of(graph, operand)
    cols, vectors = (found.n, found.m) if right else (found.m, found.n)
    batch = found.batch
    if batch > 1 and layout.strides[0] == 0:
        batch, vectors = 1, vectors * batch
    return MatrixRead(
        root=layout.root,
        operand=operand,
        transposed=_innermost(layout) not in axes,
        rows=found.k,
        cols=cols,
        vectors=vectors,
        batch=batch,
        matrix=_window_name(graph, layout),
    )


def _dense(value: Value) -> Layout:
    strided = Strided.dense(value.shape)
    return Layout(value.name, strided.shape, strided.strides, strided.offset)


def _followed(op: Op, base: Layout) -> dict[str, Layout]:
    views = view_outputs(op, Strided(base.shape, base.strides, base.offset))
    if views is None:
        return {}
    return {
        name: Layout(base.root, view.shape, view.strides, view.offset)
        for name, view in zip(op.outputs, views, strict=True)
    }


def _innermost(layout: Layout) -> int:
    """The axis with the smallest step; of equal ones the one that holds fewer elements."""
    steps = [
        (stride, extent, axis)
        for axis, (stride, extent) in enumerate(zip(layout.strides, layout.shape, strict=True))
        if stride
    ]
    return min(steps)[2] if steps else 0


def _window_name(graph: Graph, layout: Layout) -> str:
    """Name the part of its root that a layout shows, in whatever order it shows it."""
    if layout.distinct == graph.by_name[layout.root].numel:
        return layout.root
    runs = _runs(layout)
    if [step for step, _ in runs] in ([], [1]):
        return f"{layout.root}[{layout.offset}:{layout.distinct}]"
    return f"{layout.root}[{layout.offset}:{','.join(f'{n}*{step}' for step, n in runs)}]"


def _runs(layout: Layout) -> list[tuple[int, int]]:
    """Return step and number of the elements shown; axes that continue each other are one run."""
    runs: list[tuple[int, int]] = []
    for step, extent in sorted(zip(layout.strides, layout.shape, strict=True)):
        if step == 0 or extent == 1:
            continue
        if runs and step == runs[-1][0] * runs[-1][1]:
            runs[-1] = (runs[-1][0], runs[-1][1] * extent)
        else:
            runs.append((step, extent))
    return runs
