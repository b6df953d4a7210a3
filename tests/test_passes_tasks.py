"""The pass that groups operations into tasks acts, leaves alone and refuses."""

import pytest

from hptc.errors import UsageError
from hptc.ir.graph import Graph
from hptc.ir.text import from_text
from passes import Pass, run_passes
from passes.fuse_chains import FuseChains
from passes.tag_operands import TagOperands
from passes.tag_residency import TagResidency
from tests.step_texts import STEP


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
