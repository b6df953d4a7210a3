"""Step graphs drawn at random, and what they compute."""

from collections.abc import Mapping

import torch
from hypothesis import strategies as st
from torch import Tensor

from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, Graph, Named, Op, Phase, Ref, Role, Update, Value, ValueKind
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
