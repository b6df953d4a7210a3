"""View operations as stride arithmetic, in elements."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from math import prod

from hptc.ir.arguments import Arguments
from hptc.ir.families import base_name
from hptc.ir.graph import Op


@dataclass(frozen=True, slots=True)
class Strided:
    """A strided window on some storage."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    @classmethod
    def dense(cls, shape: tuple[int, ...]) -> "Strided":
        """Return the row-major window that starts at element 0.

        >>> Strided.dense((2, 3)).strides
        (3, 1)
        """
        return cls(shape, _row_major(shape), 0)

    def without(self, axes: set[int]) -> "Strided":
        """Return the window with the given axes dropped."""
        kept = [axis for axis in range(len(self.shape)) if axis not in axes]
        return self.pick(kept)

    def pick(self, axes: list[int]) -> "Strided":
        """Return the window with the axes in the given order."""
        shape = tuple(self.shape[axis] for axis in axes)
        return Strided(shape, tuple(self.strides[axis] for axis in axes), self.offset)

    def narrowed(self, axis: int, start: int, extent: int, step: int = 1) -> "Strided":
        """Return the window cut down along one axis."""
        stride = self.strides[axis]
        shape = (*self.shape[:axis], extent, *self.shape[axis + 1 :])
        strides = (*self.strides[:axis], stride * step, *self.strides[axis + 1 :])
        return Strided(shape, strides, self.offset + start * stride)


@lru_cache(maxsize=4096)
def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Steps of a dense shape, remembered: many values of a graph have the same one."""
    steps = accumulate(reversed(shape[1:]), lambda step, n: step * max(n, 1), initial=1)
    return tuple(reversed(tuple(steps))) if shape else ()


Views = tuple[Strided, ...] | None
"""The windows an operation returns; None if it cannot be a view."""


def view_outputs(op: Op, base: Strided) -> Views:
    """Return the windows that a view operation makes of `base`.

    None if the operation must copy (a reshape across strides) or has no rule here.
    """
    rule = _RULES.get(base_name(op.kind))
    if rule is None or op.kind.endswith(".dtype"):
        return None
    return rule(base, Arguments(op))


def _same(base: Strided, _: Arguments) -> Views:
    return (base,)


def _permute(base: Strided, args: Arguments) -> Views:
    rank = len(base.shape)
    return (base.pick([axis % rank for axis in args.integers(1, "dims")]),)


def _transpose(base: Strided, args: Arguments) -> Views:
    rank = len(base.shape)
    first, second = args.axis(1, "dim0", rank), args.axis(2, "dim1", rank)
    order = list(range(rank))
    order[first], order[second] = second, first
    return (base.pick(order),)


def _matrix_transpose(base: Strided, _: Arguments) -> Views:
    return (base.pick(list(reversed(range(len(base.shape))))),)


def _expand(base: Strided, args: Arguments) -> Views:
    size = args.integers(1, "size")
    missing = len(size) - len(base.shape)
    shape, strides = [], []
    for axis, extent in enumerate(size):
        old = base.shape[axis - missing] if axis >= missing else 1
        stride = base.strides[axis - missing] if axis >= missing else 0
        kept = extent in (-1, old)
        shape.append(old if kept else extent)
        strides.append(stride if kept and axis >= missing else 0)
    return (Strided(tuple(shape), tuple(strides), base.offset),)


def _unsqueeze(base: Strided, args: Arguments) -> Views:
    rank = len(base.shape)
    axis = args.axis(1, "dim", rank + 1)
    step = base.shape[axis] * base.strides[axis] if axis < rank else 1
    shape = (*base.shape[:axis], 1, *base.shape[axis:])
    return (Strided(shape, (*base.strides[:axis], step, *base.strides[axis:]), base.offset),)


def _squeeze(base: Strided, args: Arguments) -> Views:
    rank = len(base.shape)
    named = {axis % max(rank, 1) for axis in args.integers(1, "dim")}
    if args.get(1, "dim") is None:
        named = set(range(rank))
    return (base.without({axis for axis in named if base.shape[axis : axis + 1] == (1,)}),)


def _select(base: Strided, args: Arguments) -> Views:
    axis = args.axis(1, "dim", len(base.shape))
    index = args.integer(2, "index", 0) % max(base.shape[axis], 1)
    return (base.narrowed(axis, index, 1).without({axis}),)


def _slice(base: Strided, args: Arguments) -> Views:
    axis = args.axis(1, "dim", len(base.shape))
    start, stop = args.get(2, "start"), args.get(3, "end")
    bounds = slice(
        start if isinstance(start, int) else None,
        stop if isinstance(stop, int) else None,
        args.integer(4, "step", 1),
    )
    chosen = range(base.shape[axis])[bounds]
    return (base.narrowed(axis, chosen.start, len(chosen), chosen.step),)


def _split(base: Strided, args: Arguments) -> Views:
    axis = args.axis(2, "dim", len(base.shape))
    size = args.get(1, "split_size")
    if isinstance(size, tuple):
        return _pieces(base, axis, args.integers(1, "split_sizes"))
    return _chunks(base, axis, args.integer(1, "split_size", base.shape[axis]))


def _chunk(base: Strided, args: Arguments) -> Views:
    axis = args.axis(2, "dim", len(base.shape))
    return _chunks(base, axis, -(-base.shape[axis] // args.integer(1, "chunks", 1)))


def _chunks(base: Strided, axis: int, size: int) -> Views:
    extent = base.shape[axis]
    starts = range(0, extent, max(size, 1))
    return _pieces(base, axis, [min(size, extent - start) for start in starts])


def _pieces(base: Strided, axis: int, sizes: list[int]) -> Views:
    starts = accumulate(sizes, initial=0)
    return tuple(base.narrowed(axis, start, n) for start, n in zip(starts, sizes, strict=False))


def _unbind(base: Strided, args: Arguments) -> Views:
    axis = args.axis(1, "dim", len(base.shape))
    return tuple(base.narrowed(axis, index, 1).without({axis}) for index in range(base.shape[axis]))


def _diagonal(base: Strided, args: Arguments) -> Views:
    rank = len(base.shape)
    first, second = args.axis(2, "dim1", rank, 0), args.axis(3, "dim2", rank, 1)
    shift = args.integer(1, "offset", 0)
    start = (max(-shift, 0), max(shift, 0))
    extent = min(base.shape[first] - start[0], base.shape[second] - start[1])
    step = base.strides[first] + base.strides[second]
    cut = base.narrowed(first, start[0], 1).narrowed(second, start[1], 1)
    rest = cut.without({first, second})
    shape = (*rest.shape, max(extent, 0))
    return (Strided(shape, (*rest.strides, step), rest.offset),)


def _as_strided(base: Strided, args: Arguments) -> Views:
    shape, strides = tuple(args.integers(1, "size")), tuple(args.integers(2, "stride"))
    return (Strided(shape, strides, args.integer(3, "storage_offset", base.offset)),)


def _reshape(base: Strided, args: Arguments) -> Views:
    size = args.integers(1, "shape") or args.integers(1, "size")
    known = prod(extent for extent in size if extent >= 0)
    shape = tuple(prod(base.shape) // max(known, 1) if n < 0 else n for n in size)
    if prod(shape) == 0:
        return (replace(Strided.dense(shape), offset=base.offset),)
    strides = _reshaped_strides(base, shape)
    return None if strides is None else (Strided(shape, strides, base.offset),)


def _reshaped_strides(base: Strided, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Split the old axes, innermost first, into runs of constant step and fit the new in them."""
    runs: list[list[int]] = []
    for extent, stride in reversed(list(zip(base.shape, base.strides, strict=True))):
        if extent == 1:
            continue
        if runs and stride == runs[-1][0] * runs[-1][1]:
            runs[-1][0] *= extent
        else:
            runs.append([extent, stride])
    strides: list[int] = []
    step, left, waiting = 1, 1, iter(runs)
    for extent in reversed(shape):
        if extent > 1 and left == 1:
            left, step = next(waiting)
        if left % extent:
            return None
        strides.append(step)
        step, left = step * extent, left // extent
    return tuple(reversed(strides))


_RULES: dict[str, Callable[[Strided, Arguments], Views]] = {
    **dict.fromkeys(("alias", "detach", "lift_fresh", "view_of"), _same),
    **dict.fromkeys(("reshape", "view", "_unsafe_view", "_reshape_alias"), _reshape),
    "permute": _permute,
    "transpose": _transpose,
    "t": _matrix_transpose,
    "expand": _expand,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "select": _select,
    "slice": _slice,
    **dict.fromkeys(("split", "split_with_sizes"), _split),
    "chunk": _chunk,
    "unbind": _unbind,
    "diagonal": _diagonal,
    "as_strided": _as_strided,
}
