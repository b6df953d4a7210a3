# ruff: noqa: E501 - graph text has one line per operation, however long
"""Passes that tag and group act, leave alone and refuse; the pipeline verifies and names them."""

from dataclasses import dataclass

import pytest

from hptc.errors import UsageError, VerifyError
from hptc.ir.graph import Graph, OperandTag, Role
from hptc.ir.text import from_text
from passes import PIPELINE, Pass, run_passes
from passes.assign_roles import AssignRoles
from passes.eliminate_dead_code import EliminateDeadCode
from passes.fuse_chains import FuseChains
from passes.tag_operands import TagOperands
from passes.tag_residency import TagResidency

# tag-residency and tag-operands

LOW = """\
graph low {
  param %w : float32[4,4]
  param %p : float32[4,4]
  buffer %mean : float32[4]
  buffer %scale : float32[4]
  state %m : float32[4,4]
  hyper %lr : float32[]
  const %c : float32[4,4]
  random %rs : int64[]
  batch %x : float32[4,4]
  %k : float32[4,4] = aten.arange.default(4) {forward}
  %f : float32[4,4] = aten.mul.Tensor(%w, %c) {forward}
  %y : float32[4,4] = aten.addmm.default(%p, %x, %f) {forward}
  %z : float32[4,4] = aten.mm.default(%y, %p) {forward}
  %q : float32[4,4] = aten.mm.default(%w, %p) {forward}
  %s : float32[4,4] = aten._softmax.default(%y, 1, false) {forward}
  %g : float32[4,4] = aten.mm.default(%s, %y) {input-gradient}
  %e : float32[4,4] = aten.embedding.default(%w, %x) {forward}
  %r : float32[4] = hptc.uniform.default(%rs, 0, [4]) {forward}
  %v : float32[4] = aten.mean.dim(%x, [0]) {forward}
  %n : float32[4,4] = aten.mul.Tensor(%m, %lr) {optimizer}
  update %p <- %n
  update %mean <- %v
}
"""


def test_residency_follows_data_flow() -> None:
    graph = TagResidency()(from_text(LOW))
    found = {value.name: value.residency.value for value in graph.values if value.residency}
    assert found == {
        "w": "static", "p": "trainable", "mean": "trainable", "scale": "static",
        "m": "trainable", "lr": "trainable", "c": "constant", "x": "transient",
        "k": "constant", "f": "static", "y": "transient", "z": "transient", "q": "trainable",
        "s": "transient", "g": "transient", "e": "transient", "r": "trainable", "rs": "trainable",
        "v": "transient", "n": "trainable",
    }  # fmt: skip


def test_residencies_that_hold_stay() -> None:
    graph = TagResidency()(from_text(LOW))
    assert TagResidency()(graph) == graph


def test_operand_tags_follow_residency() -> None:
    graph = run_passes(from_text(LOW), [TagResidency(), TagOperands()])
    assert {op.name: op.tag.value for op in graph.ops if op.tag} == {
        "k": "folded", "f": "folded",
        "y": "static",  # although it adds a trained bias
        "z": "trainable", "q": "trainable", "r": "trainable", "n": "trainable",
        "v": "trainable",  # what a buffer becomes
        "s": "dynamic", "g": "dynamic",
        "e": "dynamic",  # a gather is no contraction
    }  # fmt: skip
    assert TagOperands()(graph) == graph


def test_a_weight_gradient_is_dynamic_although_it_is_told_the_weight() -> None:
    graph = run_passes(from_text("""\
graph full {
  param %w : float32[8,3,3,3]
  batch %x : float32[2,3,10,10]
  batch %dy : float32[2,8,8,8]
  %dx : float32[2,3,10,10] = aten.convolution_backward.default(%dy, %x, %w, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [true, false, false]) {input-gradient}
  %dw : float32[8,3,3,3] = aten.convolution_backward.default(%dy, %x, %w, [8], [1,1], [0,0], [1,1], false, [0,0], 1, [false, true, false]) {input-gradient}
  %n : float32[8,3,3,3] = aten.sub.Tensor(%w, %dw) {optimizer}
  update %w <- %n
}
"""), [TagResidency(), TagOperands()])  # fmt: skip
    assert [op.tag.value for op in graph.ops if op.tag] == ["trainable", "dynamic", "trainable"]


def test_the_gradient_of_a_norm_is_tagged_by_its_scale_and_not_its_shift() -> None:
    text = """\
graph low {
  param %gamma : float32[4]
  param %beta : float32[4]
  batch %x : float32[2,4]
  batch %m : float32[2,1]
  batch %dy : float32[2,4]
  %dx : float32[2,4], %dg : float32[4], %db : float32[4] = aten.native_layer_norm_backward.default(%dy, %x, [4], %m, %m, %gamma, %beta, [true, true, true]) {input-gradient}
  %n : float32[4] = aten.sub.Tensor(%PARAM, %db) {optimizer}
  update %PARAM <- %n
  output "dx" = %dx
}
"""
    for trained, tag in (("gamma", OperandTag.TRAINABLE), ("beta", OperandTag.DYNAMIC)):
        graph = from_text(text.replace("PARAM", trained))
        gradient = run_passes(graph, [TagResidency(), TagOperands()]).ops[0]
        assert gradient.tag is tag


AWKWARD = """\
graph low {
  param %w : float32[4,4]
  param %table : float32[9,4]
  param %theta : float32[3]
  param %p : float32[16,3]
  buffer %i : int64[4]
  buffer %mean : float32[4]
  buffer %a : float32[4]
  buffer %b : float32[4]
  state %m : float32[3]
  const %adj : float32[4,4]
  batch %x : float32[4,4]
  batch %j : int64[4]
  %rows : float32[4,4] = aten.embedding.default(%table, %i) {forward}
  %look : float32[4,4] = aten.embedding.default(%table, %j) {forward}
  %ww : float32[4,4] = aten.mm.default(%w, %adj) {forward}
  %mix : float32[4,4] = aten.mm.default(%adj, %x) {forward}
  %flat : float32[16] = aten.mv.default(%p, %theta) {forward}
  %dw : float32[4,4] = aten.reshape.default(%flat, [4, 4]) {forward}
  %weff : float32[4,4] = aten.add.Tensor(%w, %dw) {forward}
  %y : float32[4,4] = aten.mm.default(%x, %weff) {forward}
  %gram : float32[4,4] = aten.mm.default(%x, %y) {forward}
  %zero : float32[] = aten.scalar_tensor.default(0) {forward}
  %old : float32[4] = aten.mul.Tensor(%mean, 0.9) {forward}
  %v : float32[1,4] = aten.mean.dim(%x, [0], true) {forward}
  %vf : float32[4] = aten.reshape.default(%v, [4]) {forward}
  %after : float32[4] = aten.neg.default(%vf) {forward}
  %n : float32[3] = aten.mul.Tensor(%m, %theta) {optimizer}
  update %theta <- %n
  update %m <- %n
  update %mean <- %vf
  update %a <- %b
  update %b <- %a
  output "output" = %gram
}
"""


def test_awkward_operands_are_tagged_by_data_flow() -> None:
    graph = run_passes(from_text(AWKWARD), [TagResidency(), TagOperands()])
    assert {op.name: op.tag.value for op in graph.ops if op.tag} == {
        "rows": "folded", "ww": "folded", "zero": "folded",
        "look": "dynamic",  # a gather is no contraction
        "mix": "static",
        "flat": "trainable", "dw": "trainable", "weff": "trainable", "y": "trainable",
        "gram": "dynamic",
        "old": "trainable",
        "v": "trainable", "vf": "trainable",  # what a buffer becomes, and what that is a view of
        "after": "dynamic",
        "n": "trainable",
    }  # fmt: skip
    residency = {v.name: v.residency.value for v in graph.values if v.residency}
    assert {name: residency[name] for name in ("a", "b", "weff", "ww", "y")} == {
        "a": "trainable", "b": "trainable", "weff": "trainable", "ww": "static", "y": "transient",
    }  # fmt: skip


def test_operand_tags_need_residencies() -> None:
    with pytest.raises(UsageError, match=r"value w: .*Run the pass tag-residency first"):
        TagOperands()(from_text(LOW))


# assign-roles

LAYERS = """\
graph full {
  param %w : float32[4,4]
  param %b : float32[4]
  param %gamma : float32[4]
  param %pos : float32[4]
  batch %x : float32[2,4]
  batch %dy : float32[2,4]
  %xhat : float32[2,4] = aten.mul.Tensor(%x, %x) {forward}
  %ds : float32[2,4] = aten.mul.Tensor(%dy, %xhat) {input-gradient}
  %dgamma : float32[4] = aten.sum.dim_IntList(%ds, [0]) {input-gradient}
  %dh : float32[2,4] = aten.mul.Tensor(%dy, %gamma) {input-gradient}
  %dht : float32[4,2] = aten.permute.default(%dh, [1, 0]) {input-gradient}
  %dw1 : float32[4,4] = aten.mm.default(%dht, %x) {input-gradient}
  %dwt : float32[4,4] = aten.permute.default(%dw1, [1, 0]) {input-gradient}
  %dw2 : float32[4,4] = aten.mm.default(%dht, %xhat) {input-gradient}
  %dw3 : float32[4,4] = aten.mul.Tensor(%dw2, 0.5) {input-gradient}
  %dw : float32[4,4] = aten.add.Tensor(%dwt, %dw3) {input-gradient}
  %db : float32[1,4] = aten.sum.dim_IntList(%dh, [0], true) {input-gradient}
  %dbs : float32[4] = aten.reshape.default(%db, [4]) {input-gradient}
  %dx : float32[2,4] = aten.mm.default(%dh, %w) {input-gradient}
  %dpos : float32[4] = aten.sum.dim_IntList(%dx, [0]) {input-gradient}
  %n : float32[4,4] = aten.sub.Tensor(%w, %dw) {optimizer}
  update %w <- %n
  gradient "w" = %dw
  gradient "b" = %dbs
  gradient "gamma" = %dgamma
  gradient "pos" = %dpos
}
"""


def test_what_only_makes_a_parameter_gradient_is_a_weight_gradient() -> None:
    graph = run_passes(from_text(LAYERS), [AssignRoles()])
    weight = {op.name for op in graph.ops if op.role is Role.WEIGHT_GRADIENT}
    names = {"dht", "dw1", "dwt", "dw2", "dw3", "dw", "db", "dbs", "ds", "dgamma", "dpos"}
    assert weight == names
    # dx goes on to dpos alone, but a product with the weight is what the layer below gets
    assert {op.name for op in graph.ops if op.role is Role.INPUT_GRADIENT} == {"dh", "dx"}


@pytest.mark.parametrize(
    ("output", "role"),
    [("d", Role.INPUT_GRADIENT), ("x", Role.WEIGHT_GRADIENT)],
)
def test_gradients_of_a_norm_that_are_one_operation(output: str, role: Role) -> None:
    graph = run_passes(from_text(f"""\
graph full {{
  param %gamma : float32[4]
  param %w : float32[4,4]
  batch %x : float32[2,4]
  batch %m : float32[2,1]
  batch %dy : float32[2,4]
  %dx : float32[2,4], %dg : float32[4], %db : float32[4] = aten.native_layer_norm_backward.default(%dy, %x, [4], %m, %m, %gamma, none, [true, true, true]) {{input-gradient}}
  %d : float32[2,4] = aten.mm.default(%dx, %w) {{input-gradient}}
  %n : float32[4] = aten.sub.Tensor(%gamma, %dg) {{optimizer}}
  update %gamma <- %n
  gradient "gamma" = %dg
  output "output" = %{output}
}}
"""), [EliminateDeadCode(), AssignRoles()])  # fmt: skip
    assert graph.ops[0].role is role


def test_roles_that_hold_and_other_roles_stay() -> None:
    graph = AssignRoles()(from_text(LAYERS))
    assert AssignRoles()(graph) == graph
    infer = from_text(LOW)
    assert [op.role for op in AssignRoles()(infer).ops if op.name != "g"] == [
        op.role for op in infer.ops if op.name != "g"
    ]


def test_the_gradient_through_a_frozen_projection_is_a_weight_gradient() -> None:
    graph = AssignRoles()(from_text("""\
graph low {
  param %theta : float32[3]
  param %p : float32[16,3]
  batch %x : float32[2,4]
  batch %dy : float32[2,4]
  %xt : float32[4,2] = aten.permute.default(%x, [1, 0]) {input-gradient}
  %dw : float32[4,4] = aten.mm.default(%xt, %dy) {input-gradient}
  %dwf : float32[16] = aten.reshape.default(%dw, [16]) {input-gradient}
  %pt : float32[3,16] = aten.permute.default(%p, [1, 0]) {input-gradient}
  %dtheta : float32[3] = aten.mv.default(%pt, %dwf) {input-gradient}
  gradient "theta" = %dtheta
}
"""))  # fmt: skip
    assert {op.role for op in graph.ops} == {Role.WEIGHT_GRADIENT}


def test_the_gradient_of_a_matrix_that_trained_scales_make_is_a_weight_gradient() -> None:
    graph = AssignRoles()(from_text("""\
graph low {
  param %w : float32[4,4]
  param %d : float32[4]
  param %e : float32[4]
  batch %x : float32[2,4]
  batch %dy : float32[2,4]
  %wd : float32[4,4] = aten.mul.Tensor(%w, %d) {forward}
  %xt : float32[4,2] = aten.permute.default(%x, [1, 0]) {input-gradient}
  %dw : float32[4,4] = aten.mm.default(%xt, %dy) {input-gradient}
  %dwe : float32[4,4] = aten.mul.Tensor(%dw, %e) {input-gradient}
  %p : float32[4,4] = aten.mul.Tensor(%dwe, %w) {input-gradient}
  %dd : float32[4] = aten.sum.dim_IntList(%p, [0]) {input-gradient}
  %q : float32[4,4] = aten.mul.Tensor(%dw, %wd) {input-gradient}
  %de : float32[4] = aten.sum.dim_IntList(%q, [0]) {input-gradient}
  %dn : float32[4] = aten.sub.Tensor(%d, %dd) {optimizer}
  %en : float32[4] = aten.sub.Tensor(%e, %de) {optimizer}
  update %d <- %dn
  update %e <- %en
  gradient "d" = %dd
  gradient "e" = %de
}
"""))  # fmt: skip
    roles = {op.role for op in graph.ops if op.role not in (Role.FORWARD, Role.OPTIMIZER)}
    assert roles == {Role.WEIGHT_GRADIENT}


# fuse-chains

STEP = """\
graph full {
  param %w : float32[4,4]
  state %m : float32[4,4]
  hyper %t : float32[]
  batch %x : float32[4,4]
  batch %dy : float32[4,4]
  %wt : float32[4,4] = aten.permute.default(%w, [1, 0]) {forward, source="fc"}
  %y : float32[4,4] = aten.mm.default(%x, %wt) {forward, source="fc"}
  %e : float32[4,4] = aten.exp.default(%y) {forward, source="act"}
  %s : float32[4,4] = aten._softmax.default(%e, 1, false) {forward, source="act"}
  %z : float32[4,4] = aten.add.Tensor(%s, %y) {forward}
  %dz : float32[4,4] = aten.mul.Tensor(%dy, %s) {input-gradient, source="act"}
  %dzt : float32[4,4] = aten.permute.default(%dz, [1, 0]) {input-gradient, source="fc"}
  %dw : float32[4,4] = aten.mm.default(%dzt, %x) {weight-gradient, source="fc"}
  %dwt : float32[4,4] = aten.permute.default(%dw, [1, 0]) {weight-gradient, source="fc"}
  %c : float32[] = aten.rsub.Scalar(%t, 1) {optimizer}
  %mn : float32[4,4] = aten.add.Tensor(%m, %dw) {optimizer}
  %u : float32[4,4] = aten.div.Tensor(%mn, %c) {optimizer}
  %wn : float32[4,4] = aten.sub.Tensor(%w, %u) {optimizer}
  update %w <- %wn
  update %m <- %mn
  gradient "w" = %dwt
  output "output" = %z
}
"""


def tasks(graph: Graph) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for op in graph.ops:
        found.setdefault(op.task or "", []).append(op.name)
    return found


def test_tasks() -> None:
    graph = run_passes(from_text(STEP), [TagResidency(), TagOperands(), FuseChains()])
    assert tasks(graph) == {
        "fc": ["wt", "y"],  # a contraction and the view it reads
        "z": ["z"],
        "act": ["e", "s"],  # %s has two reading tasks
        "act.dx": ["dz"],
        "fc.dw": ["dzt", "dw", "dwt"],  # the gradient's view stays with it
        "w.step": ["c", "mn", "u", "wn"],  # everything for one parameter
    }


def test_tasks_stay_as_they_are() -> None:
    steps: list[Pass] = [TagResidency(), TagOperands(), FuseChains()]
    graph = run_passes(from_text(STEP), steps)
    assert FuseChains()(graph) == graph


def test_shared_corrections_folded_operations_and_products() -> None:
    graph = run_passes(from_text("""\
graph full {
  param %v : float32[4,4]
  param %w : float32[4,4]
  hyper %t : float32[]
  const %k : float32[4,4]
  batch %x : float32[4,4]
  %b : float32[] = aten.pow.Scalar(0.9, %t) {optimizer}
  %c : float32[] = aten.rsub.Scalar(%b, 1) {optimizer}
  %g : float32[4,4] = aten.relu.default(%x) {forward}
  %y : float32[4,4] = aten.mm.default(%g, %g) {forward}
  %z : float32[4,4] = aten.neg.default(%y) {forward}
  %f : float32[4,4] = aten.exp.default(%k) {forward}
  %a : float32[4,4] = aten.mul.Tensor(%z, %f) {forward}
  %n : float32[] = aten.sum.default(%x) {optimizer}
  %vs : float32[4,4] = aten.mul.Tensor(%v, %c) {optimizer}
  %vn : float32[4,4] = aten.mul.Tensor(%vs, %n) {optimizer}
  %ws : float32[4,4] = aten.mul.Tensor(%w, %c) {optimizer}
  %wn : float32[4,4] = aten.mul.Tensor(%ws, %n) {optimizer}
  update %v <- %vn
  update %w <- %wn
  output "output" = %a
}
"""), [TagResidency(), TagOperands(), FuseChains()])  # fmt: skip
    assert tasks(graph) == {
        "": ["f"],
        "optimizer": ["b", "c"],
        "g": ["g"],  # is not merged with the product it feeds
        "y": ["y"],
        "a": ["z", "a"],
        "n.step": ["n"],
        "v.step": ["vs", "vn"],
        "w.step": ["ws", "wn"],
    }


def test_tasks_need_operand_tags() -> None:
    with pytest.raises(UsageError, match=r"operation wt: .*Run the pass tag-operands first"):
        FuseChains()(from_text(STEP))


# the pipeline


@dataclass(frozen=True)
class _DropValues:
    name: str = "drop-values"

    def __call__(self, graph: Graph) -> Graph:
        return Graph(graph.phase, (), graph.ops, graph.outputs)


def test_a_pass_that_breaks_a_rule_is_named() -> None:
    with pytest.raises(VerifyError) as caught:
        run_passes(from_text(STEP), [TagResidency(), _DropValues()])
    assert caught.value.__notes__ == ["in pass drop-values, phase full"]


def test_a_broken_graph_is_refused_before_the_first_pass() -> None:
    with pytest.raises(VerifyError) as caught:
        run_passes(_DropValues()(from_text(STEP)), [])
    assert not hasattr(caught.value, "__notes__")


def test_every_pass_is_observed_under_its_name() -> None:
    seen: list[str] = []
    run_passes(from_text(STEP), PIPELINE, lambda name, _: seen.append(name))
    assert seen == [
        "commute-scales",
        "eliminate-common-subexpressions",
        "eliminate-dead-code",
        "sink-views",
        "tag-residency",
        "tag-operands",
        "assign-roles",
        "fuse-chains",
    ]
