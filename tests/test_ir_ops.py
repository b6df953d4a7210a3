# ruff: noqa: E501 - graph text has one line per operation, however long
from pathlib import Path

import pytest

from hptc.errors import UnsupportedOpError, VerifyError
from hptc.ir.contractions import contraction
from hptc.ir.families import Family, family
from hptc.ir.graph import Graph
from hptc.ir.ops import bytes_read, bytes_written, flops, macs
from hptc.ir.text import from_text

CONVOLUTION = """\
graph full {
  param %w : float32[8,3,3,5]
  param %wg : float32[8,2,3,3]
  param %wt : float32[6,4,2,2]
  batch %x : float32[2,3,10,12]
  batch %xg : float32[2,4,10,10]
  batch %xt : float32[2,6,5,7]
  batch %dy : float32[2,8,8,8]
  batch %dyt : float32[2,4,10,14]
  %y : float32[2,8,8,8] = aten.convolution.default(%x, %w, none, [1,1], [0,0], [1,1], false, [0,0], 1) {forward}
  %yg : float32[2,8,8,8] = aten.convolution.default(%xg, %wg, none, [1,1], [0,0], [1,1], false, [0,0], 2) {forward}
  %yt : float32[2,4,10,14] = aten.convolution.default(%xt, %wt, none, [2,2], [0,0], [1,1], true, [0,0], 1) {forward}
  %dx : float32[2,3,10,12] = aten.convolution_backward.default(%dy, %x, %w, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [true, false, false]) {input-gradient}
  %dw : float32[8,3,3,5] = aten.convolution_backward.default(%dy, %x, %w, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [false, true, false]) {input-gradient}
  %db : float32[8] = aten.convolution_backward.default(%dy, %x, %w, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [false, false, true]) {input-gradient}
  %dxt : float32[2,6,5,7] = aten.convolution_backward.default(%dyt, %xt, %wt, [4], [2,2], [0,0], [1,1], true, [0,0], 1, [true, false, false]) {input-gradient}
  %dwt : float32[6,4,2,2] = aten.convolution_backward.default(%dyt, %xt, %wt, [4], [2,2], [0,0], [1,1], true, [0,0], 1, [false, true, false]) {input-gradient}
}
"""


def sizes(graph: Graph, name: str) -> tuple[int, int, int, int, str, str] | None:
    found = contraction(graph, graph.op_by_name[name])
    if found is None:
        return None
    return (found.batch, found.m, found.k, found.n, found.left, found.right)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("y", (1, 128, 45, 8, "x", "w")),
        ("yg", (2, 128, 18, 4, "xg", "wg")),
        ("yt", (1, 70, 6, 16, "xt", "wt")),
        ("dx", (1, 128, 8, 45, "dy", "w")),
        ("dw", (1, 8, 128, 45, "dy", "x")),
        ("db", None),
        ("dxt", (1, 70, 16, 6, "dyt", "wt")),
        ("dwt", (1, 6, 70, 16, "xt", "dyt")),
    ],
)
def test_convolution_is_its_im2col_product(
    name: str, expected: tuple[int, int, int, int, str, str] | None
) -> None:
    assert sizes(from_text(CONVOLUTION), name) == expected


def test_the_gradients_of_a_convolution_cost_what_it_costs() -> None:
    graph = from_text(CONVOLUTION)
    assert {macs(graph, graph.op_by_name[name]) for name in ("y", "dx", "dw")} == {128 * 45 * 8}


def test_shape_only_operands_are_not_read() -> None:
    graph = from_text(CONVOLUTION)
    dy, x, w = (graph.by_name[name].bytes for name in ("dy", "x", "w"))
    assert bytes_read(graph, graph.op_by_name["dx"]) == dy + w
    assert bytes_read(graph, graph.op_by_name["dw"]) == dy + x
    assert bytes_read(graph, graph.op_by_name["db"]) == dy


def test_a_mask_of_two_is_refused() -> None:
    text = CONVOLUTION.replace("[true, false, false]", "[true, true, false]")
    graph = from_text(text)
    with pytest.raises(VerifyError, match="exactly one True"):
        contraction(graph, graph.op_by_name["dx"])


MATRICES = """\
graph full {
  batch %a : float32[4,5]
  batch %b : float32[5,6]
  batch %v : float32[5]
  batch %s : float16[3,4,5]
  batch %r : float16[3,5,6]
  batch %i : int64[7]
  param %table : float32[1000,5]
  param %bias : float32[6]
  %mm : float32[4,6] = aten.mm.default(%a, %b) {forward}
  %addmm : float32[4,6] = aten.addmm.default(%bias, %a, %b) {forward}
  %mv : float32[4] = aten.mv.default(%a, %v) {forward}
  %dot : float32[] = aten.dot.default(%v, %v) {forward}
  %bmm : float16[3,4,6] = aten.bmm.default(%s, %r) {forward}
  %exp : float32[4,5] = aten.exp.default(%a) {forward}
  %soft : float32[4,5] = aten._softmax.default(%a, 1, false) {forward}
  %sum : float32[4] = aten.sum.dim_IntList(%a, [1]) {forward}
  %rows : float32[7,5] = aten.embedding.default(%table, %i) {forward}
  %wide : float32[9,4,6] = aten.expand.default(%mm, [9, 4, 6]) {forward}
  %copy : float32[9,4,6] = aten.clone.default(%wide) {forward}
  %flat : float32[9,24] = aten.reshape.default(%wide, [9, 24]) {forward}
  %full : float32[9,4,6] = aten.full_like.default(%copy, 1) {forward}
}
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mm", (1, 4, 5, 6, "a", "b")),
        ("addmm", (1, 4, 5, 6, "a", "b")),
        ("mv", (1, 4, 5, 1, "a", "v")),
        ("dot", (1, 1, 5, 1, "v", "v")),
        ("bmm", (3, 4, 5, 6, "s", "r")),
        ("exp", None),
    ],
)
def test_products(name: str, expected: tuple[int, int, int, int, str, str] | None) -> None:
    assert sizes(from_text(MATRICES), name) == expected


@pytest.mark.parametrize(
    ("name", "operations", "read", "written"),
    [
        ("mm", 240, 200, 96),
        ("bmm", 720, 300, 144),
        ("exp", 20, 80, 80),
        ("soft", 100, 80, 80),
        ("sum", 20, 80, 16),
        ("rows", 0, 140 + 56, 140),  # the rows it picks, not the table
        ("wide", 0, 0, 0),
        ("copy", 0, 96, 864),  # what was expanded is read once
        ("flat", 0, 0, 0),  # the last two axes are contiguous: still a view
        ("full", 0, 0, 864),
    ],
)
def test_arithmetic_and_traffic(name: str, operations: int, read: int, written: int) -> None:
    graph = from_text(MATRICES)
    op = graph.op_by_name[name]
    found = (flops(graph, op), bytes_read(graph, op), bytes_written(graph, op))
    assert found == (operations, read, written)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("aten.max.dim", Family.REDUCTION),
        ("aten.max.other", Family.ELEMENTWISE),
        ("aten.native_layer_norm.default", Family.NORM),
        ("aten._log_softmax_backward_data.default", Family.SOFTMAX),
        ("aten.split_with_sizes.default", Family.VIEW),
        ("prims.convert_element_type.default", Family.ELEMENTWISE),
        ("aten.index_put.default", Family.SCATTER),
        ("aten.arange.start_step", Family.CREATE),
    ],
)
def test_families(kind: str, expected: Family) -> None:
    assert family(kind) is expected


@pytest.mark.parametrize("kind", ["aten.flash_attention.default", "custom.add.Tensor", "add", ""])
def test_an_unknown_kind_is_refused_by_name(kind: str) -> None:
    with pytest.raises(UnsupportedOpError, match=r"Decompose it"):
        family(kind)


def test_every_kind_is_in_one_family() -> None:
    source = Path(__file__).parents[1] / "hptc" / "ir" / "families.py"
    table = source.read_text(encoding="utf-8").split("_MEMBERS = {")[1]
    names = [word for block in table.split('"""')[1::2] for word in block.split()]
    assert len(names) == len(set(names))
