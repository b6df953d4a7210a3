"""commute-scales acts, leaves alone, and changes no result."""

# ruff: noqa: E501 - graph text has one line per operation, however long
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.ir.graph import Graph, OperandTag, ValueKind
from hptc.ir.text import from_text, to_text
from passes import PIPELINE, run_passes
from passes.commute_scales import CommuteScales
from passes.eliminate_dead_code import EliminateDeadCode
from tests.evaluate import evaluate

MASK_DX = "[true, false, false]"
WINDOW = "[1,1], [1,1], [1,1]"


def low(body: str, result: str, *inputs: str) -> Graph:
    """Return a graph of `low` that trains the parameter d."""
    given_lines = "".join(f"  {line}\n" for line in inputs)
    return from_text(f"""\
graph low {{
{given_lines}{body}  %new : float64[3] = aten.neg.default(%d) {{optimizer}}
  update %d <- %new
  output "output" = %{result}
}}
""")


W = "param %w : float64[4,3]"
D = "param %d : float64[3]"
X = "batch %x : float64[2,4]"


def after(graph: Graph) -> Graph:
    return run_passes(graph, [CommuteScales(), EliminateDeadCode()])


def outputs(graph: Graph) -> list[torch.Tensor]:
    torch.manual_seed(0)
    data = {
        v.name: torch.rand(v.shape, dtype=torch.float64) + 0.5
        for v in sorted(graph.values, key=lambda v: v.name)
        if v.kind is not ValueKind.COMPUTED
    }
    found = evaluate(graph, data)
    return [found[o.value] for o in graph.outputs] + [found[u.new] for u in graph.updates]


def products(graph: Graph) -> list[str]:
    """Return the tags of the contractions of a graph after the whole pipeline."""
    done = run_passes(graph, PIPELINE)
    kinds = ("mm", "bmm", "mv", "convolution", "convolution_backward")
    return [op.tag.value for op in done.ops if op.tag and op.kind.split(".")[1] in kinds]


def test_a_scale_of_the_result_moves_behind() -> None:
    graph = low("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward, source="fc"}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward, source="fc"}
""", "y", W, D, X)  # fmt: skip
    assert (
        to_text(after(graph))
        == """\
graph low {
  param %w : float64[4,3]
  param %d : float64[3]
  batch %x : float64[2,4]
  %y.1 : float64[2,3] = aten.mm.default(%x, %w) {forward, source="fc"}
  %y : float64[2,3] = aten.mul.Tensor(%y.1, %d) {forward, source="fc"}
  %new : float64[3] = aten.neg.default(%d) {optimizer}
  update %d <- %new
  output "output" = %y
}
"""
    )


def test_a_scale_of_the_contracted_axis_moves_to_the_data_through_views() -> None:
    graph = low("""\
  %dv : float64[3,1] = aten.unsqueeze.default(%d, 1) {forward}
  %wd : float64[3,4] = aten.div.Tensor(%v, %dv) {forward}
  %t : float64[4,3] = aten.permute.default(%wd, [1, 0]) {input-gradient}
  %y : float64[4,2] = aten.mm.default(%t, %xt) {input-gradient}
""", "y", "param %v : float64[3,4]", D, "batch %xt : float64[3,2]")  # fmt: skip
    assert (
        to_text(after(graph))
        == """\
graph low {
  param %v : float64[3,4]
  param %d : float64[3]
  batch %xt : float64[3,2]
  %dv : float64[3,1] = aten.unsqueeze.default(%d, 1) {forward}
  %y.1 : float64[4,3] = aten.permute.default(%v, [1, 0]) {input-gradient}
  %y.2 : float64[3,2] = aten.div.Tensor(%xt, %dv) {input-gradient}
  %y : float64[4,2] = aten.mm.default(%y.1, %y.2) {input-gradient}
  %new : float64[3] = aten.neg.default(%d) {optimizer}
  update %d <- %new
  output "output" = %y
}
"""
    )


def test_other_readers_keep_the_scaled_matrix() -> None:
    done = after(low("""\
  %wd : float64[4,3] = aten.mul.Tensor(%d, %w) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
  %n : float64[] = aten.sum.default(%wd) {forward}
  %z : float64[2,3] = aten.add.Tensor(%y, %n) {forward}
""", "z", W, D, X))  # fmt: skip
    assert "%wd" in to_text(done)
    assert done.op_by_name["y.1"].inputs == ("x", "w")


ACTS = {
    "a scalar": ("""\
  %s : float64[] = aten.sum.default(%d) {forward}
  %wd : float64[4,3] = aten.mul.Tensor(%w, %s) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
""", W, D, X),
    "two scales, one expanded": ("""\
  %r : float64[4] = aten.slice.Tensor(%e, 0, 0, 4) {forward}
  %ru : float64[4,1] = aten.unsqueeze.default(%r, 1) {forward}
  %re : float64[4,3] = aten.expand.default(%ru, [4, 3]) {forward}
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %wr : float64[4,3] = aten.mul.Tensor(%re, %wd) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wr) {forward}
  %ne : float64[5] = aten.neg.default(%e) {optimizer}
  update %e <- %ne
""", W, D, X, "param %e : float64[5]"),
    "stacked matrices": ("""\
  %du : float64[3,1,1] = aten.reshape.default(%d, [3, 1, 1]) {forward}
  %wd : float64[3,4,3] = aten.mul.Tensor(%s, %du) {forward}
  %y : float64[3,2,3] = aten.bmm.default(%b, %wd) {forward}
""", "param %s : float64[3,4,3]", D, "batch %b : float64[3,2,4]"),
    "a matrix times a vector": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %y : float64[4] = aten.mv.default(%wd, %v) {forward}
""", W, D, "batch %v : float64[3]"),
    "output channels with groups and bias": (f"""\
  %du : float64[3,1,1,1] = aten.reshape.default(%d, [3, 1, 1, 1]) {{forward}}
  %kd : float64[3,1,3,3] = aten.mul.Tensor(%k, %du) {{forward}}
  %y : float64[2,3,5,5] = aten.convolution.default(%i, %kd, %b, {WINDOW}, false, [0,0], 3) {{forward}}
""", "param %k : float64[3,1,3,3]", D, "param %b : float64[3]", "batch %i : float64[2,3,5,5]"),
    "input channels": (f"""\
  %du : float64[1,3,1,1] = aten.reshape.default(%d, [1, 3, 1, 1]) {{forward}}
  %kd : float64[4,3,3,3] = aten.mul.Tensor(%k, %du) {{forward}}
  %y : float64[2,4,5,5] = aten.convolution.default(%i, %kd, %b, {WINDOW}, false, [0,0], 1) {{forward}}
""", "param %k : float64[4,3,3,3]", D, "param %b : float64[4]", "batch %i : float64[2,3,5,5]"),
    "output channels, transposed": (f"""\
  %du : float64[3,1,1] = aten.reshape.default(%d, [3, 1, 1]) {{forward}}
  %kd : float64[4,3,3,3] = aten.mul.Tensor(%k, %du) {{forward}}
  %y : float64[2,3,5,5] = aten.convolution.default(%i, %kd, none, {WINDOW}, true, [0,0], 1) {{forward}}
""", "param %k : float64[4,3,3,3]", D, "batch %i : float64[2,4,5,5]"),
    "the input gradient": (f"""\
  %du : float64[3,1,1,1] = aten.reshape.default(%d, [3, 1, 1, 1]) {{forward}}
  %kd : float64[3,4,3,3] = aten.mul.Tensor(%k, %du) {{forward}}
  %y : float64[2,4,5,5] = aten.convolution_backward.default(%g, %i, %kd, [3], {WINDOW}, false, [0,0], 1, {MASK_DX}) {{input-gradient}}
""", "param %k : float64[3,4,3,3]", D, "batch %g : float64[2,3,5,5]", "batch %i : float64[2,4,5,5]"),
    "the input gradient of a transposed convolution": (f"""\
  %du : float64[3,1,1,1] = aten.reshape.default(%d, [3, 1, 1, 1]) {{forward}}
  %kd : float64[3,4,3,3] = aten.mul.Tensor(%k, %du) {{forward}}
  %y : float64[2,3,5,5] = aten.convolution_backward.default(%g, %i, %kd, [4], {WINDOW}, true, [0,0], 1, {MASK_DX}) {{input-gradient}}
""", "param %k : float64[3,4,3,3]", D, "batch %g : float64[2,4,5,5]", "batch %i : float64[2,3,5,5]"),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTS)
def test_the_matrix_becomes_static_and_results_agree(name: str) -> None:
    body, *inputs = ACTS[name]
    updates = [line for line in body.splitlines(keepends=True) if line.startswith("  update")]
    body = "".join(line for line in body.splitlines(keepends=True) if line not in updates)
    text = to_text(low(body, "y", *inputs)).replace("  update %d", f"{''.join(updates)}  update %d")
    graph = from_text(text)
    done = after(graph)
    assert done != graph
    assert CommuteScales()(done) == done
    assert products(graph) == ["static"]
    for expected, found in zip(outputs(graph), outputs(done), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


LEAVES = {
    "a trained matrix": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
  %nw : float64[4,3] = aten.neg.default(%w) {optimizer}
  update %w <- %nw
""", W, D, X),
    "a scale that is no diagonal": ("""\
  %dd : float64[4,3] = aten.expand.default(%d, [4, 3]) {forward}
  %de : float64[4,3] = aten.mul.Tensor(%dd, %w2) {forward}
  %wd : float64[4,3] = aten.mul.Tensor(%w, %de) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
""", W, D, X, "param %w2 : float64[4,3]"),
    "a fixed scale": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %f) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
""", W, D, X, "param %f : float64[3]"),
    "a scale of the batch": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %f) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
""", W, D, X, "batch %f : float64[3]"),
    "a divisor that is a matrix": ("""\
  %wd : float64[4,3] = aten.div.Tensor(%d, %w) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
""", W, D, X),
    "a shift": ("""\
  %wd : float64[4,3] = aten.add.Tensor(%w, %d) {forward}
  %y : float64[2,3] = aten.mm.default(%x, %wd) {forward}
""", W, D, X),
    "a scaled axis that a reshape merges": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %f : float64[2,6] = aten.reshape.default(%wd, [2, 6]) {forward}
  %y : float64[4,6] = aten.mm.default(%xt, %f) {forward}
""", W, D, "batch %xt : float64[4,2]"),
    "a product of parameters": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %y : float64[4] = aten.mv.default(%wd, %d) {forward}
""", W, D, X),
    "an added product": ("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %y : float64[2,3] = aten.addmm.default(%d, %x, %wd) {forward}
""", W, D, X),
    "places of a kernel": (f"""\
  %kd : float64[3,4,3,3] = aten.mul.Tensor(%k, %d) {{forward}}
  %y : float64[2,3,5,5] = aten.convolution.default(%i, %kd, none, {WINDOW}, false, [0,0], 1) {{forward}}
""", "param %k : float64[3,4,3,3]", D, "batch %i : float64[2,4,5,5]"),
    "input channels in groups": (f"""\
  %du : float64[3,1,1] = aten.reshape.default(%d, [3, 1, 1]) {{forward}}
  %kd : float64[4,3,3,3] = aten.mul.Tensor(%k, %du) {{forward}}
  %y : float64[2,4,5,5] = aten.convolution.default(%i, %kd, none, {WINDOW}, false, [0,0], 2) {{forward}}
""", "param %k : float64[4,3,3,3]", D, "batch %i : float64[2,6,5,5]"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAVES)
def test_what_does_not_commute_stays(name: str) -> None:
    body, *inputs = LEAVES[name]
    lines = body.splitlines(keepends=True)
    updates = "".join(line for line in lines if line.startswith("  update"))
    text = to_text(low("".join(x for x in lines if x not in updates), "y", *inputs))
    graph = from_text(text.replace("  update %d", f"{updates}  update %d"))
    assert CommuteScales()(graph) == graph


def test_new_names_are_free() -> None:
    done = after(low("""\
  %wd : float64[4,3] = aten.mul.Tensor(%w, %d) {forward}
  %y : float64[2,3] = aten.mm.default(%y.1, %wd) {forward}
""", "y", W, D, "batch %y.1 : float64[2,4]"))  # fmt: skip
    assert done.op_by_name["y"].inputs == ("y.2", "d")


@settings(max_examples=60)
@given(st.data())
def test_any_chain_of_scales_and_transposes_gives_the_same(data: st.DataObject) -> None:
    shape = [3, 3]
    name, body = "w", ""
    for number in range(data.draw(st.integers(1, 4))):
        made = f"s{number}"
        match data.draw(st.sampled_from(["rows", "cols", "all", "divide", "turn"])):
            case "rows":
                call = f"aten.mul.Tensor(%{name}, %col)"
            case "cols":
                call = f"aten.mul.Tensor(%d, %{name})"
            case "all":
                call = f"aten.mul.Tensor(%one, %{name})"
            case "divide":
                call = f"aten.div.Tensor(%{name}, %d)"
            case _:
                call = f"aten.permute.default(%{name}, [1, 0])"
        body += f"  %{made} : float64{shape} = {call} {{forward}}\n"
        name = made
    operands = data.draw(st.permutations(["x", name]))
    graph = low(f"""\
  %col : float64[3,1] = aten.unsqueeze.default(%d, 1) {{forward}}
  %one : float64[1] = aten.slice.Tensor(%d, 0, 0, 1) {{forward}}
{body}  %y : float64[3,3] = aten.mm.default(%{operands[0]}, %{operands[1]}) {{forward}}
""", "y", "param %w : float64[3,3]", D, "batch %x : float64[3,3]")  # fmt: skip
    done = run_passes(graph, PIPELINE)
    tags = [op.tag for op in done.ops if op.kind == "aten.mm.default"]
    assert tags == [OperandTag.STATIC]
    for expected, found in zip(outputs(graph), outputs(done), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
