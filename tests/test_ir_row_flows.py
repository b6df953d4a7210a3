"""Rows followed through a graph: what streams, what is waited for, what adds up."""

from hptc.ir.axes import Flow, Rows, row_flows, stream, streams
from hptc.ir.graph import Graph
from hptc.ir.text import from_text
from tests.chunked import Float, declared_loops, make

ATTENTION = """\
graph full {
  param %wq : float32[4,4]
  param %wk : float32[4,4]
  batch %x : float32[6,4]
  batch %dy : float32[6,4]
  %xt : float32[4,6] = aten.permute.default(%x, [1, 0]) {forward}
  %x2 : float32[4,6] = aten.permute.default(%x, [1, 0]) {forward}
  %q : float32[6,4] = aten.mm.default(%x, %wq) {forward}
  %k : float32[6,4] = aten.mm.default(%x, %wk) {forward}
  %kt : float32[4,6] = aten.permute.default(%k, [1, 0]) {forward}
  %s : float32[6,6] = aten.mm.default(%q, %kt) {forward}
  %p : float32[6,6] = aten._softmax.default(%s, 1, false) {forward}
  %y : float32[6,4] = aten.mm.default(%p, %x) {forward}
  %dp : float32[6,6] = aten.mm.default(%dy, %xt) {input-gradient}
  %ds : float32[6,6] = aten._softmax_backward_data.default(%dp, %p, 1, float32) {input-gradient}
  %dq : float32[6,4] = aten.mm.default(%ds, %k) {input-gradient}
  %dst : float32[6,6] = aten.permute.default(%ds, [1, 0]) {input-gradient}
  %dk : float32[6,4] = aten.mm.default(%dst, %q) {input-gradient}
  %dwk : float32[4,4] = aten.mm.default(%x2, %dk) {weight-gradient}
  output "output" = %y
}
"""


def test_in_attention_only_keys_and_values_are_waited_for() -> None:
    graph = from_text(ATTENTION)
    found = streams(graph, {"x": Rows(0), "dy": Rows(0)})
    assert {name: way.waits for name, way in found.items() if way.waits} == {
        "s": ("kt",),
        "y": ("x",),
        "dp": ("xt",),
        "dq": ("k",),
    }
    reduced = {name for name, way in found.items() if way.flow is Flow.REDUCE}
    assert reduced == {"dk", "dwk"}
    assert all(way.flow is not Flow.ALL for way in found.values())
    assert found["dwk"].sliced == {"x2": Rows(1), "dk": Rows(0)}  # dk is whole by then


def test_the_work_that_rows_reach_is_counted_by_flow() -> None:
    graph = from_text(ATTENTION)
    by_token, by_feature = row_flows(graph)
    assert (by_token.axis, by_token.extent, by_token.waiting) == (0, 6, 4)
    assert by_token.flows[Flow.MAP].macs == 2 * 6 * 4 * 4 + 4 * 6 * 6 * 4
    assert by_token.flows[Flow.REDUCE].macs == 6 * 6 * 4 + 4 * 6 * 4
    assert by_token.flows[Flow.ALL].ops == 0
    # q and k sum over the features of x, dp over those of dy; y and dwk keep them
    assert (by_feature.axis, by_feature.waiting) == (1, 0)
    assert by_feature.flows[Flow.REDUCE].ops == 3
    assert row_flows(from_text("graph infer {\n}\n")) == ()


def test_the_rows_of_an_empty_tensor_are_not_followed() -> None:
    graph, _ = make("aten.reshape.default", Float((0, 4)), (4, 0))
    assert declared_loops(graph, graph.ops[0]) == []


def test_an_operation_without_a_rule_needs_every_row() -> None:
    graph = _one("%y : float32[4,4] = aten.as_strided.default(%x, [4, 4], [4, 1]) {forward}")
    found = stream(graph, graph.ops[0], {"x": Rows(0)})
    assert (found.flow, found.waits, dict(found.sliced)) == (Flow.ALL, ("x",), {})


def test_a_value_read_twice_along_different_axes_streams_and_is_waited_for() -> None:
    graph = _one("%y : float32[4,4] = aten.mm.default(%x, %x) {forward}")
    found = stream(graph, graph.ops[0], {"x": Rows(0)})
    assert (found.flow, found.waits, found.outputs) == (Flow.MAP, ("x",), (Rows(0),))


def test_added_rows_accumulate_only_on_zeros() -> None:
    text = """\
graph full {{
  batch %t : float32[7,3]
  batch %i : int64[4]
  batch %v : float32[4,3]
  %z : float32[7,3] = aten.full.default([7, 3], {fill}) {{forward}}
  %y : float32[7,3] = aten.index_put.default(%z, [%i], %v, true) {{forward}}
  output "output" = %y
}}
"""
    for fill, flow in (("0", Flow.REDUCE), ("1", Flow.ALL)):
        graph = from_text(text.format(fill=fill))
        carried = {"i": Rows(0), "v": Rows(0)}
        assert stream(graph, graph.op_by_name["y"], carried).flow is flow


def _one(line: str) -> Graph:
    return from_text(
        f'graph full {{\n  batch %x : float32[4,4]\n  {line}\n  output "output" = %y\n}}\n'
    )
