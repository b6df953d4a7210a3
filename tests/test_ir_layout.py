# ruff: noqa: E501 - graph text has one line per operation, however long
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hptc.ir.graph import Arg, Op, Ref
from hptc.ir.layout import Layout, MatrixRead, layout_of, layouts, matrix_read
from hptc.ir.text import from_text
from hptc.ir.views import Strided, view_outputs
from passes.tag_residency import TagResidency

Array = NDArray[np.int64]


def numpy_view(kind: str, array: Array, data: st.DataObject) -> tuple[tuple[Arg, ...], Array]:
    """Draw arguments for a view and apply it in numpy."""
    rank = array.ndim
    args: tuple[Arg, ...] = ()
    axis = data.draw(st.integers(-rank, rank - 1))
    match kind:
        case "permute.default":
            order = tuple(data.draw(st.permutations(range(rank))))
            args, viewed = (order,), array.transpose(order)
        case "transpose.int":
            other = data.draw(st.integers(-rank, rank - 1))
            args, viewed = (axis, other), array.swapaxes(axis, other)
        case "unsqueeze.default":
            args, viewed = (axis,), np.expand_dims(array, axis)
        case "squeeze.default":
            viewed = array.squeeze()
        case "select.int":
            index = data.draw(st.integers(-array.shape[axis], array.shape[axis] - 1))
            args, viewed = (axis, index), np.moveaxis(array, axis, 0)[index]
        case "slice.Tensor":
            start = data.draw(st.integers(0, array.shape[axis] - 1))
            step = data.draw(st.integers(1, 3))
            viewed = np.moveaxis(np.moveaxis(array, axis, 0)[start::step], 0, axis)
            args = (axis, start, 2**63 - 1, step)
        case "diagonal.default":
            args, viewed = (0, 0, rank - 1), array.diagonal(0, 0, rank - 1)
        case "expand.default":
            shape = (3, *array.shape)
            args, viewed = (shape,), np.broadcast_to(array, shape)
        case _:
            flat = data.draw(
                st.sampled_from([(array.size,), (-1, array.shape[0]), (1, *array.shape, 1)])
            )
            args, viewed = (flat,), array.reshape(flat)
    return args, viewed


KINDS = (
    "permute.default",
    "transpose.int",
    "unsqueeze.default",
    "squeeze.default",
    "select.int",
    "slice.Tensor",
    "diagonal.default",
    "expand.default",
    "reshape.default",
)


@given(st.data())
def test_views_address_the_elements_that_numpy_addresses(data: st.DataObject) -> None:
    storage: Array = np.arange(120)
    array = storage.reshape(2, 3, 4, 5)
    window = Strided.dense(array.shape)
    for _ in range(4):
        if array.ndim < 2 or array.size > 1000:
            return
        kind = data.draw(st.sampled_from(KINDS))
        args, viewed = numpy_view(kind, array, data)
        found = view_outputs(Op("v", f"aten.{kind}", (Ref("x"), *args), ("v",)), window)
        if found is None:
            assert kind == "reshape.default"
            assert not np.shares_memory(viewed, storage)
            return
        (window,), array = found, viewed
        assert window.shape == array.shape
        steps = tuple(8 * stride for stride in window.strides)
        seen = np.lib.stride_tricks.as_strided(storage[window.offset :], window.shape, steps)
        assert np.array_equal(seen, array)


SPLITS = """\
graph full {
  param %w : float32[6,4]
  %a : float32[2,4], %b : float32[4,4] = aten.split_with_sizes.default(%w, [2, 4]) {forward}
  %c : float32[4,4] = aten.permute.default(%b, [1, 0]) {forward}
  %d : float32[16] = aten.reshape.default(%c, [16]) {forward}
  %e : float32[4,4] = aten.reshape.default(%d, [4, 4]) {forward}
}
"""


def test_a_view_keeps_its_root_and_a_copying_reshape_starts_one() -> None:
    graph = from_text(SPLITS)
    found = layouts(graph)
    assert found["b"] == Layout("w", (4, 4), (4, 1), 8)
    assert found["c"] == Layout("w", (4, 4), (1, 4), 8)
    assert found["d"] == Layout("d", (16,), (1,), 0)
    assert found["e"] == Layout("d", (4, 4), (4, 1), 0)
    assert all(layout_of(graph, name) == layout for name, layout in found.items())


READS = """\
graph low {
  param %w : float32[8,5]
  param %one : float32[7,1]
  param %packed : float32[24,5]
  param %k : float32[8,3,3,3]
  param %g : float32[8,2,3,3]
  batch %x : float32[57,5]
  batch %dy : float32[57,8]
  batch %p : float32[57,1]
  batch %dp : float32[57,7]
  batch %xs : float32[4,57,5]
  batch %im : float32[2,3,10,10]
  batch %dim : float32[2,8,8,8]
  batch %ig : float32[2,4,10,10]
  %wt : float32[5,8] = aten.permute.default(%w, [1, 0]) {forward}
  %y : float32[57,8] = aten.mm.default(%x, %wt) {forward}
  %dx : float32[57,5] = aten.mm.default(%dy, %w) {input-gradient}
  %onet : float32[1,7] = aten.t.default(%one) {forward}
  %yp : float32[57,7] = aten.mm.default(%p, %onet) {forward}
  %dxp : float32[57,1] = aten.mm.default(%dp, %one) {input-gradient}
  %ws : float32[4,5,8] = aten.expand.default(%wt, [4, 5, 8]) {forward}
  %ys : float32[4,57,8] = aten.bmm.default(%xs, %ws) {forward}
  %key : float32[8,5] = aten.slice.Tensor(%packed, 0, 8, 16) {forward}
  %keyt : float32[5,8] = aten.permute.default(%key, [1, 0]) {forward}
  %yk : float32[57,8] = aten.mm.default(%x, %keyt) {forward}
  %c : float32[2,8,8,8] = aten.convolution.default(%im, %k, none, [1,1], [0,0], [1,1], false, [0,0], 1) {forward}
  %dc : float32[2,3,10,10] = aten.convolution_backward.default(%dim, %im, %k, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [true, false, false]) {input-gradient}
  %dk : float32[8,3,3,3] = aten.convolution_backward.default(%dim, %im, %k, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [false, true, false]) {input-gradient}
  %cg : float32[2,8,8,8] = aten.convolution.default(%ig, %g, none, [1,1], [0,0], [1,1], false, [0,0], 2) {forward}
  %xt : float32[5,57] = aten.permute.default(%x, [1, 0]) {input-gradient}
  %wx : float32[8,57] = aten.mm.default(%w, %xt) {forward}
  %q : float32[5,8] = aten.mm.default(%xt, %dy) {input-gradient}
}
"""


def test_matrices_as_crossbars_read_them() -> None:
    graph = TagResidency()(from_text(READS))
    found = {op.name: matrix_read(graph, op) for op in graph.ops}
    assert found["y"] == MatrixRead("w", "wt", False, 5, 8, 57, 1, "w")
    assert found["dx"] == MatrixRead("w", "w", True, 8, 5, 57, 1, "w")
    assert found["yp"] == MatrixRead("one", "onet", False, 1, 7, 57, 1, "one")
    assert found["dxp"] == MatrixRead("one", "one", True, 7, 1, 57, 1, "one")
    assert found["ys"] == MatrixRead("w", "ws", False, 5, 8, 228, 1, "w")
    assert found["yk"] == MatrixRead("packed", "keyt", False, 5, 8, 57, 1, "packed[40:40]")
    assert found["c"] == MatrixRead("k", "k", False, 27, 8, 128, 1, "k")
    assert found["dc"] == MatrixRead("k", "k", True, 8, 27, 128, 1, "k")
    assert found["cg"] == MatrixRead("g", "g", False, 18, 4, 128, 2, "g")
    assert found["wx"] == MatrixRead("w", "w", False, 5, 8, 57, 1, "w")
    assert found["q"] is None
    assert found["dk"] is None
    assert found["wt"] is None


PARTS = """\
graph low {
  param %w : float32[4,4]
  param %h : float32[2,3,4]
  batch %x : float32[5,2]
  batch %z : float32[5,4]
  batch %u : float32[2,5,4]
  %top : float32[2,4] = aten.slice.Tensor(%w, 0, 0, 2) {forward}
  %topt : float32[4,2] = aten.permute.default(%top, [1, 0]) {forward}
  %left : float32[4,2] = aten.slice.Tensor(%w, 1, 0, 2) {forward}
  %flat : float32[1,8] = aten.reshape.default(%top, [1, 8]) {forward}
  %again : float32[4,2] = aten.reshape.default(%flat, [4, 2]) {forward}
  %heads : float32[6,4] = aten.reshape.default(%h, [6, 4]) {forward}
  %turned : float32[4,6] = aten.permute.default(%heads, [1, 0]) {forward}
  %split : float32[4,2,3] = aten.reshape.default(%turned, [4, 2, 3]) {forward}
  %stack : float32[2,4,3] = aten.permute.default(%split, [1, 0, 2]) {forward}
  %one : float32[1,4,3] = aten.slice.Tensor(%stack, 0, 1, 2) {forward}
  %head : float32[4,3] = aten.squeeze.dims(%one, [0]) {forward}
  %a : float32[5,4] = aten.mm.default(%x, %top) {forward}
  %b : float32[5,2] = aten.mm.default(%z, %topt) {forward}
  %c : float32[5,2] = aten.mm.default(%z, %left) {forward}
  %d : float32[5,2] = aten.mm.default(%z, %again) {forward}
  %e : float32[5,6] = aten.mm.default(%z, %turned) {forward}
  %f : float32[2,5,3] = aten.bmm.default(%u, %stack) {forward}
  %g : float32[5,3] = aten.mm.default(%z, %head) {forward}
}
"""


def test_one_part_of_a_matrix_has_one_name_through_chains_of_views() -> None:
    graph = TagResidency()(from_text(PARTS))
    reads = {op.name: matrix_read(graph, op) for op in graph.ops}
    assert {name: read.matrix for name, read in reads.items() if read} == {
        "a": "w[0:8]",
        "b": "w[0:8]",
        "c": "w[0:2*1,4*4]",  # as many elements from the same place, but others
        "d": "w[0:8]",
        "e": "h",
        "f": "h",
        "g": "h[12:12]",
    }
