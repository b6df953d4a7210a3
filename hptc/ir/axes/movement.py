"""Axes of views, stacked copies and indexing: elements move, none is computed."""

from hptc.ir.axes.model import CLOSED, Labels, Site, close, letters, right_aligned
from hptc.ir.dtypes import DType
from hptc.ir.graph import Op, Value
from hptc.ir.views import Strided, view_outputs

_VIEWS = """
    alias chunk detach expand lift_fresh permute select slice split split_with_sizes t
    transpose unbind unsqueeze view_of
"""
"""Views whose result for a chunk is the chunk of their result."""


def view(site: Site) -> Labels | None:
    """Return the axes of a view: those that it shows from end to end, in steps of one.

    It is applied to a window in which one axis after the other is the only one with a step.
    """
    own = letters(site.operands[0])
    shape = site.operands[0].shape
    outputs = [CLOSED * len(value.shape) for value in site.outputs]
    for axis, extent in enumerate(shape):
        steps = tuple(int(other == axis) for other in range(len(shape)))
        shown = view_outputs(site.op, Strided(shape, steps, 0)) or ()
        places = [_place(window, extent) for window in shown]
        if None in places or not places or extent == 1:
            own = close(own, [axis])
            continue
        outputs = [
            labels[:place] + own[axis] + labels[place + 1 :]
            for labels, place in zip(outputs, places, strict=True)
            if place is not None
        ]
    return site.labels({0: own}, outputs)


def squeeze(site: Site) -> Labels | None:
    """Return the axes of a squeeze: not those it names, lest a chunk of one row lose them."""
    found = view(site)
    if found is None or site.args.get(1, "dim") is None:
        return None
    (own,) = found.operands
    named = [axis % max(len(own), 1) for axis in site.args.integers(1, "dim")]
    left = close(own, named)
    outputs = ["".join(label if label in left else CLOSED for label in found.outputs[0])]
    return site.labels({0: left}, outputs)


def _place(window: Strided, extent: int) -> int | None:
    """Return the axis of the window that runs over the marked axis, None if there is not one."""
    moving = [axis for axis, step in enumerate(window.strides) if step and window.shape[axis] != 1]
    if window.offset or len(moving) != 1:
        return None
    axis = moving[0]
    return axis if (window.shape[axis], window.strides[axis]) == (extent, 1) else None


def unfold(site: Site) -> Labels:
    """Return the axes of overlapping windows along one axis."""
    own = close(letters(site.operands[0]), [site.axis(1)])
    return site.labels({0: own}, [own + CLOSED])


def stack(site: Site) -> Labels:
    """Return the axes of tensors laid side by side along a new axis."""
    own = letters(site.operands[0])
    axis = site.args.axis(1, "dim", len(own) + 1)
    return Labels((own,) * len(site.operands), (own[:axis] + CLOSED + own[axis:],))


def repeat(site: Site) -> Labels:
    """Return the axes of a tiled tensor: those that are not repeated."""
    times = site.args.integers(1, "repeats")
    new = len(times) - len(site.operands[0].shape)
    own = close(letters(site.operands[0]), [a for a, n in enumerate(times[new:]) if n != 1])
    return site.labels({0: own}, [CLOSED * new + own])


def select_backward(site: Site) -> Labels:
    """Return the axes of the gradient of a selection."""
    own = letters(site.operands[0])
    axis = site.args.axis(2, "dim", len(own) + 1)
    return site.labels({0: own}, [own[:axis] + CLOSED + own[axis:]])


def select_scatter(site: Site) -> Labels:
    """Return the axes of a tensor in which one place along an axis is replaced."""
    axis = site.axis(2)
    own = close(letters(site.operands[0]), [axis])
    return Labels((own, own[:axis] + own[axis + 1 :]), (own,))


def index(site: Site) -> Labels | None:
    """Return the axes of a look-up by tensors of indices."""
    found = _indexed(site)
    if found is None:
        return None
    own, places, shown = found
    return Labels((own, *places), (shown,))


def index_put(site: Site) -> Labels | None:
    """Return the axes of values written, or added to zeros, by tensors of indices."""
    found = _indexed(site)
    if found is None:
        return None
    own, places, shown = found
    values = site.operands[-1].shape
    missing = len(shown) - len(values)
    if missing < 0:
        return None
    written = "".join(
        CLOSED if extent == 1 else label
        for label, extent in zip(shown[missing:], values, strict=True)
    )
    if not (site.args.get(3, "accumulate") and _is_zero(site)):
        chosen = set("".join(places))
        written = "".join(CLOSED if label in chosen else label for label in written)
        places = tuple(CLOSED * len(labels) for labels in places)
    return Labels((own, *places, written), (own,))


def _indexed(site: Site) -> tuple[str, tuple[str, ...], str] | None:
    """Return the labels of what is indexed, of the indices, and of the elements they choose.

    The indices are broadcast; their axes stand where the indexed axes stood if those are
    neighbours, else in front.
    """
    listed = site.args.get(1, "indices")
    given = enumerate(listed if isinstance(listed, tuple) else ())
    chosen = [axis for axis, item in given if item is not None]
    indices = site.operands[1 : 1 + len(chosen)]
    if not chosen or any(value.dtype in _MASKS for value in indices):
        return None
    own = close(letters(site.operands[0]), chosen)
    whole = _broadcast(indices)
    fresh = _FRESH[: len(whole)]
    places = tuple(right_aligned(fresh, value, whole) for value in indices)
    rest = [label for axis, label in enumerate(own) if axis not in chosen]
    together = chosen[-1] - chosen[0] + 1 == len(chosen)
    at = chosen[0] if together else 0
    return own, places, "".join([*rest[:at], fresh, *rest[at:]])


_FRESH = "zyxwvuts"
_MASKS = frozenset({DType.BOOL, DType.UINT8})


def _broadcast(values: tuple[Value, ...]) -> tuple[int, ...]:
    """Return the shape that tensors take together."""
    rank = max(len(value.shape) for value in values)
    padded = [(1,) * (rank - len(value.shape)) + value.shape for value in values]
    return tuple(max(extents) for extents in zip(*padded, strict=True))


def _is_zero(site: Site) -> bool:
    """Say whether the first operand is filled with zeros, so that chunks may be added."""
    maker = site.graph.producer.get(site.operands[0].name)
    return maker is not None and _fill_of(maker) == 0


def _fill_of(op: Op) -> object:
    kind = op.kind.split(".")[1]
    if kind in ("zeros", "zeros_like", "new_zeros"):
        return 0
    position = {"full": 1, "full_like": 1, "new_full": 2}.get(kind)
    return op.args[position] if position is not None and position < len(op.args) else None


RULES = {
    **dict.fromkeys(_VIEWS.split(), view),
    "squeeze": squeeze,
    "unfold": unfold,
    "stack": stack,
    "repeat": repeat,
    "select_backward": select_backward,
    "select_scatter": select_scatter,
    "index": index,
    "_unsafe_index": index,
    "index_put": index_put,
    "_unsafe_index_put": index_put,
}
