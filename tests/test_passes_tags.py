# ruff: noqa: E501 - graph text has one line per operation, however long
"""Passes that tag values and operands act, leave alone and refuse."""

import pytest

from hptc.errors import UsageError
from hptc.ir.graph import OperandTag
from hptc.ir.text import from_text
from passes import run_passes
from passes.tag_operands import TagOperands
from passes.tag_residency import TagResidency
from tests.step_texts import LOW


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
