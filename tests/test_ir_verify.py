# ruff: noqa: E501 - graph text has one line per operation, however long
from dataclasses import replace

import pytest

from hptc.errors import VerifyError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Op, Ref, Value, ValueKind
from hptc.ir.text import from_text
from hptc.ir.verify import RULES, verify

TAGGED = """\
graph full {
  param %w : float32[4,4] trainable
  const %c : float32[4] constant
  batch %x : float32[4,4] transient
  %k : float32[4] constant = aten.neg.default(%c) {forward, folded}
  %h : float32[4,4] transient = aten.mm.default(%x, %w) {forward, trainable, task="a"}
  %r : float32[4,4] transient = aten.relu.default(%h) {forward, dynamic, task="b"}
  %s : float32[4,4] transient = aten.mul.Tensor(%r, %k) {forward, dynamic, task="b"}
  %n : float32[4,4] transient = aten.sub.Tensor(%w, %s) {optimizer, trainable, task="c"}
  update %w <- %n
  gradient "w" = %s
  output "loss" = %s
}
"""


def test_a_sound_graph_passes() -> None:
    verify(from_text(TAGGED))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("batch %x", "batch %w", "value w: expected unique names"),
        ("%r : float32[4,4] transient =", "%r : float32[4,4] transient, %h : float32[4] transient =", "value h: expected unique"),
        ('task="c"', 'task="c", name="r"', "operation r: expected unique names"),
        ('gradient "w" = %s', 'gradient "w" = %s\n  gradient "w" = %s', "gradient w: expected unique"),
        ("neg.default(%c)", "neg.default(%s)", "operation k: expected values defined before .* s read"),
        ("relu.default(%h)", "relu.default(%q)", "operation r: .*q read before it is defined"),
        ('"loss" = %s', '"loss" = %lost', "output loss: .*no value lost"),
        ("<- %n", "<- %m", "update w: .*no value m"),
        ("update %w", "update %u", "update u: .*no value u"),
        ("update %w", "update %x", "update x: expected updates that name state.*found the kind batch"),
        ("update %w", "update %r", "update r: .*found the kind op"),
        ("<- %n", "<- %k", r"update w: .*k of float32\[4\]"),
        ('"w" = %s', '"w" = %k', r"gradient w: expected gradients of the shape.*k of shape \[4\]"),
        ("aten.relu", "aten.frelu", "operation r: expected a known operation family.*aten.frelu"),
        ("%r : float32[4,4] transient", "%r : float32[4,4] static", "value r: .*found static for transient"),
        ("%r : float32[4,4] transient", "%r : float32[4,4]", "value r: .*found none for transient"),
        ("update %w <- %n\n", "\n", "value w: .*found trainable for static"),
        ("{forward, folded}", "{forward, dynamic}", "operation k: .*found dynamic for folded"),
        ("{forward, folded}", "{forward}", "operation k: .*found none for folded"),
        ('folded}', 'folded, task="a"}', "operation k: expected a task for each .*the task a"),
        ('dynamic, task="b"}\n  %s', 'dynamic}\n  %s', "operation r: .*found the task None"),
        ('%h : float32[4,4] transient = aten.mm.default(%x, %w) {forward, trainable, task="a"}', '%h : float32[4,4] transient = aten.mm.default(%x, %w) {forward, trainable, task="c"}', "task b: expected tasks that can be ordered.*b, c"),
    ],
)  # fmt: skip
def test_each_rule_names_the_culprit(old: str, new: str, complaint: str) -> None:
    text = TAGGED.replace(old, new, 1)
    assert text != TAGGED
    with pytest.raises(VerifyError, match=complaint):
        verify(from_text(text))


def test_the_table_of_values_must_fit_the_operations() -> None:
    graph = from_text(TAGGED)
    missing = [value for value in graph.values if value.name != "r"]
    with pytest.raises(VerifyError, match=r"table of values: .*found .*'s'.* for result .*'r'"):
        verify(replace(graph, values=tuple(missing)))
    with pytest.raises(VerifyError, match="an input after a computed value"):
        verify(replace(graph, values=graph.values[::-1]))
    spare = Value("spare", (), DType.BOOL, ValueKind.COMPUTED)
    with pytest.raises(VerifyError, match=r"\['spare'\] for result of no op"):
        verify(replace(graph, values=(*graph.values, spare)))


def test_an_operation_without_output_is_refused() -> None:
    graph = from_text(TAGGED)
    mute = Op("mute", "aten.relu.default", (Ref("x"),), ())
    with pytest.raises(VerifyError, match="operation mute: expected at least one output"):
        verify(replace(graph, ops=(*graph.ops, mute)))


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule for rule, _ in RULES}) == len(RULES)
