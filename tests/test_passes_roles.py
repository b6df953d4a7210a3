# ruff: noqa: E501 - graph text has one line per operation, however long
"""The pass that gives operations their roles acts and leaves alone."""

import pytest

from hptc.ir.graph import Role
from hptc.ir.text import from_text
from passes import run_passes
from passes.assign_roles import AssignRoles
from passes.eliminate_dead_code import EliminateDeadCode
from tests.step_texts import LOW

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
