"""Arguments that repeat a shape, made to fit a chunk."""

from dataclasses import replace

from hptc.ir.families import base_name
from hptc.ir.graph import Op

_SHAPES = {
    **dict.fromkeys(("reshape", "view", "view_copy", "_unsafe_view", "expand"), 1),
    **dict.fromkeys(("slice_backward", "select_backward"), 1),
    **{
        f"upsample_{way}_backward": 2
        for way in (
            *("nearest1d", "nearest2d", "nearest3d", "linear1d"),
            *("bilinear2d", "bicubic2d", "trilinear3d"),
        )
    },
}
"""Position of the argument that repeats the shape of the result."""

_EXTENTS = {"native_group_norm": 3, "native_group_norm_backward": 5}
"""Position of the argument that repeats the first extent of the result."""


def resized(op: Op, shape: tuple[int, ...]) -> Op:
    """Return an operation whose first result takes another shape, as that of a chunk.

    >>> from hptc.ir.graph import Ref
    >>> resized(Op("y", "aten.reshape.default", (Ref("x"), (4, 6)), ("y",)), (2, 6)).args
    (Ref(ref='x'), (2, 6))
    """
    name = base_name(op.kind)
    args = list(op.args)
    if name in _SHAPES:
        args[_SHAPES[name]] = shape
    elif name in _EXTENTS:
        args[_EXTENTS[name]] = shape[0]
    else:
        return op
    return replace(op, args=tuple(args))
