# ruff: noqa: E501 - graph text has one line per operation, however long
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptc.errors import InvalidInputError
from hptc.ir.dtypes import DType
from hptc.ir.graph import (
    Arg,
    DTypeArg,
    Graph,
    Named,
    Op,
    OperandTag,
    Phase,
    Ref,
    Residency,
    Role,
    Update,
    Value,
    ValueKind,
)
from hptc.ir.text import from_text, to_text

EXAMPLE = """\
graph low {
  param %w : float32[64,64] static
  batch %in_0 : float32[12,57] transient
  hyper %"step count" : float32[] trainable
  %w_t : float32[64,64] static = aten.permute.default(%w, [1, 0]) {forward, folded}
  %y : float32[12,64] transient = aten.mm.default(%in_0, %w_t) {forward, static, task="t3", source="enc.0.q"}
  %v : float32[12] transient, %m : float32[12] transient = aten.var_mean.correction(%y, [1], correction=0.0, keepdim=false) {forward, dynamic, name="stats"}
  %z : int64[12] transient = aten._to_copy.default(%m, dtype=int64) {optimizer, dynamic}
  update %"step count" <- %z
  gradient "w" = %y
  output "loss" = %z
}
"""

WORDS = st.text(min_size=1, max_size=6) | st.from_regex(r"[A-Za-z0-9_./^-]+", fullmatch=True)
ARGS: st.SearchStrategy[Arg] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.sampled_from([DTypeArg(dtype) for dtype in DType])
    | WORDS.map(Ref),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = draw(st.lists(WORDS, unique=True, min_size=1, max_size=8))
    cut = draw(st.integers(0, len(names)))
    inputs = st.sampled_from([kind for kind in ValueKind if kind is not ValueKind.COMPUTED])
    values = [
        Value(
            name,
            tuple(draw(st.lists(st.integers(0, 99), max_size=3))),
            draw(st.sampled_from(DType)),
            draw(inputs) if position < cut else ValueKind.COMPUTED,
            draw(st.none() | st.sampled_from(Residency)),
        )
        for position, name in enumerate(names)
    ]
    results, ops = names[cut:], []
    while results:
        width = draw(st.integers(1, len(results)))
        outputs, results = tuple(results[:width]), results[width:]
        op = Op(
            name=draw(st.just(outputs[0]) | WORDS),
            kind=draw(st.just("aten.add.Tensor") | WORDS),
            args=tuple(draw(st.lists(ARGS, max_size=3))),
            outputs=outputs,
            kwargs=tuple(draw(st.lists(st.tuples(WORDS, ARGS), max_size=2))),
            role=draw(st.sampled_from(Role)),
            tag=draw(st.none() | st.sampled_from(OperandTag)),
            task=draw(st.none() | st.text(max_size=4)),
            source=draw(st.text(max_size=4)),
            rows=(rows := draw(st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)))),
            accumulates=rows is not None and draw(st.booleans()),
        )
        ops.append(op)
    pairs = st.lists(st.tuples(WORDS, WORDS), max_size=2)
    return Graph(
        draw(st.sampled_from(Phase)),
        tuple(values),
        tuple(ops),
        tuple(Named(*pair) for pair in draw(pairs)),
        tuple(Update(*pair) for pair in draw(pairs)),
        tuple(Named(*pair) for pair in draw(pairs)),
    )


@given(graphs())
def test_what_is_printed_reads_back_equal(graph: Graph) -> None:
    text = to_text(graph)
    read = from_text(text)
    assert read == graph
    # repr tells True, 1 and 1.0 apart, which compare equal
    assert repr(read) == repr(graph)
    assert to_text(read) == text


def test_the_form_is_stable() -> None:
    assert to_text(from_text(EXAMPLE)) == EXAMPLE


def test_special_floats() -> None:
    op = Op("y", "aten.full.default", ((), math.inf, -math.inf, math.nan, -0.0, 1e-5), ("y",))
    value = Value("y", (), DType.FLOAT32, ValueKind.COMPUTED)
    graph = Graph(Phase.FULL, (value,), (op,), ())
    assert "([], inf, -inf, nan, -0.0, 1e-05)" in to_text(graph)
    assert repr(from_text(to_text(graph))) == repr(graph)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("graph low", "graph high", r"line 1: expected full or low or infer, found 'high'"),
        ("batch %in_0", "bach %in_0", r"line 3: expected batch or param .*found 'bach'"),
        ("float32[12,57]", "float31[12,57]", r"line 3: .*found 'float31'"),
        ("float32[12,57]", "float32[12,x]", r"line 3: expected an integer, found 'x'"),
        ("%in_0, %w_t)", "%in_0, %w_t", r"line 6: expected `,`, found '\{'"),
        ("[1, 0]", "[1, zero]", r"line 5: expected an argument, found 'zero'"),
        ("keepdim=false", "false", r"line 7: expected `NAME=`"),
        ("static, task=", "static, tusk=", r"line 6: expected name=, task=, source= or rows="),
        ("{optimizer, dynamic}", "{optimizer, frozen}", r"line 8: .*found 'frozen'"),
        ('"w" = %y', "w = %y", r"line 10: expected a quoted string"),
        ('"loss" = %z', '"loss" = %z %z', r"line 11: expected the end of the line"),
        ('"loss"', '"lo\\qss"', r"line 11: expected a string quoted as in JSON"),
        ("<- %z", "<- ?", r"line 9: expected a name, a string"),
        ("\n}\n", "\n", r"line 11: expected `}`"),
    ],
)
def test_malformed_text_is_refused_with_its_line(old: str, new: str, complaint: str) -> None:
    text = EXAMPLE.replace(old, new)
    assert text != EXAMPLE
    with pytest.raises(InvalidInputError, match=complaint):
        from_text(text)


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"line 1: expected `graph`"):
        from_text("\n")
