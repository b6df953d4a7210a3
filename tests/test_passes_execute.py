"""Every pass, on random step graphs that are executed: the same results, and nothing left to do."""

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, Graph, Named, Op, Phase, Ref, Role, Update, Value, ValueKind
from hptc.ir.text import from_text, to_text
from passes import PIPELINE, Pass, run_passes
from tests.evaluate import evaluate

MATRIX, VECTOR = (3, 3), (3,)
INPUTS = {
    "x": (MATRIX, ValueKind.BATCH),
    "w": (MATRIX, ValueKind.PARAMETER),
    "u": (MATRIX, ValueKind.PARAMETER),
    "d": (VECTOR, ValueKind.PARAMETER),
    "e": (VECTOR, ValueKind.PARAMETER),
    "m": (MATRIX, ValueKind.BUFFER),
    "c": (MATRIX, ValueKind.CONSTANT),
}
ANY = "any"
CALLS: tuple[tuple[str, tuple[object, ...], tuple[Arg, ...]], ...] = (
    ("aten.mm.default", (MATRIX, MATRIX), ()),
    ("aten.mul.Tensor", (MATRIX, VECTOR), ()),
    ("aten.mul.Tensor", (VECTOR, MATRIX), ()),
    ("aten.div.Tensor", (MATRIX, VECTOR), ()),
    ("aten.add.Tensor", (MATRIX, MATRIX), ()),
    ("aten.tanh.default", (ANY,), ()),
    ("aten.clone.default", (ANY,), ()),
    ("aten.permute.default", (MATRIX,), ((1, 0),)),
    ("aten.sum.dim_IntList", (MATRIX,), ((0,),)),
    ("aten.expand.default", (VECTOR,), ((3, 3),)),
)
ROLES = (Role.FORWARD, Role.INPUT_GRADIENT, Role.OPTIMIZER)


@st.composite
def steps(draw: st.DrawFn) -> Graph:
    """Return a step that scales, multiplies, turns and copies, in three roles."""
    shapes = {name: shape for name, (shape, _) in INPUTS.items()}
    ops: list[Op] = []
    for number, role in enumerate(sorted(draw(st.lists(st.integers(0, 2), max_size=14)))):
        kind, operands, literals = draw(st.sampled_from(CALLS))
        names = [
            draw(st.sampled_from([n for n, s in shapes.items() if wanted in (ANY, s)]))
            for wanted in operands
        ]
        op = Op(f"v{number}", kind, (*map(Ref, names), *literals), (f"v{number}",))
        ops.append(Op(op.name, kind, op.args, op.outputs, role=ROLES[role]))
        shapes[op.name] = _shape(kind, shapes[names[0]])
    matrices = [name for name, shape in shapes.items() if shape == MATRIX]
    vectors = [name for name, shape in shapes.items() if shape == VECTOR]
    values = [Value(n, s, DType.FLOAT64, k) for n, (s, k) in INPUTS.items()]
    values += [Value(o.name, shapes[o.name], DType.FLOAT64, ValueKind.COMPUTED) for o in ops]
    return Graph(
        Phase.LOW,
        tuple(values),
        tuple(ops),
        (Named("output", draw(st.sampled_from(matrices))),),
        (
            Update("d", draw(st.sampled_from(vectors))),
            Update("m", draw(st.sampled_from(matrices))),
        ),
        (Named("d", draw(st.sampled_from(vectors))),),
    )


def _shape(kind: str, first: tuple[int, ...]) -> tuple[int, ...]:
    if kind == "aten.sum.dim_IntList":
        return VECTOR
    return first if kind in ("aten.tanh.default", "aten.clone.default") else MATRIX


def results(graph: Graph) -> Mapping[str, Tensor]:
    """Return outputs, gradients and what every state is after the step."""
    torch.manual_seed(0)
    data = {n: torch.rand(s, dtype=torch.float64) / 2 + 0.25 for n, (s, _) in INPUTS.items()}
    found = evaluate(graph, {v.name: data[v.name] for v in graph.values if v.name in data})
    state = {f"state {name}": data[name] for name in ("d", "m")}
    state |= {f"state {update.state}": found[update.new] for update in graph.updates}
    named = {f"output {n.name}": found[n.value] for n in graph.outputs}
    return state | named | {f"gradient {n.name}": found[n.value] for n in graph.gradients}


def check(before: Graph, after: Graph) -> None:
    expected, found = results(before), results(after)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-12, equal_nan=True)


def earlier(step: Pass) -> list[Pass]:
    return list(PIPELINE[: PIPELINE.index(step)])


@pytest.mark.parametrize("step", PIPELINE, ids=lambda step: step.name)
@settings(max_examples=25)
@given(steps())
def test_a_pass_keeps_results_and_is_done_after_one_run(step: Pass, graph: Graph) -> None:
    before = run_passes(graph, earlier(step))
    after = run_passes(before, [step])
    check(before, after)
    assert step(after) == after


@settings(max_examples=60)
@given(steps())
def test_the_pipeline_keeps_results_and_its_graph_is_printed_and_read_back(graph: Graph) -> None:
    after = run_passes(graph, PIPELINE)
    check(graph, after)
    assert from_text(to_text(after)) == after
