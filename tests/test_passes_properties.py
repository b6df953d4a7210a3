"""The pipeline on random step graphs: tasks can be ordered, results survive, it is fast."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.passes import chain, timed
from hptc.ir.contractions import contraction
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Named, Op, Phase, Ref, Role, Update, Value, ValueKind
from hptc.ir.layout import is_alias, layouts
from hptc.ir.tasks import folded_ops, tasks_of
from passes import PIPELINE, run_passes

SHAPE = (3, 3)
KINDS = ("aten.mm.default", "aten.add.Tensor", "aten.exp.default", "aten.t.default")
INPUTS = {
    "x": ValueKind.BATCH,
    "w": ValueKind.PARAMETER,
    "u": ValueKind.PARAMETER,
    "frozen": ValueKind.PARAMETER,
    "m": ValueKind.STATE,
    "c": ValueKind.CONSTANT,
}


@st.composite
def steps(draw: st.DrawFn) -> Graph:
    names = list(INPUTS)
    ops = []
    roles = sorted(draw(st.lists(st.integers(0, 2), max_size=25)))
    for number, role in enumerate(roles):
        kind = draw(st.sampled_from(KINDS))
        arity = 2 if kind in KINDS[:2] else 1
        args = draw(st.lists(st.sampled_from(names), min_size=arity, max_size=arity))
        role_of = (Role.FORWARD, Role.INPUT_GRADIENT, Role.OPTIMIZER)[role]
        ops.append(Op(f"v{number}", kind, tuple(map(Ref, args)), (f"v{number}",), role=role_of))
        names.append(f"v{number}")
    results = st.sampled_from(names)
    values = [Value(name, SHAPE, DType.FLOAT32, kind) for name, kind in INPUTS.items()]
    values += [Value(op.name, SHAPE, DType.FLOAT32, ValueKind.COMPUTED) for op in ops]
    return Graph(
        Phase.FULL,
        tuple(values),
        tuple(ops),
        (Named("output", draw(results)), Named("loss", draw(results))),
        tuple(Update(state, draw(results)) for state in ("w", "u", "m")),
        (Named("w", draw(results)), Named("u", draw(results))),
    )


def meaning(graph: Graph, known: dict[tuple[str, ...], str]) -> dict[str, str]:
    """Every result as a number for what it computes; `known` numbers the formulas."""
    formula = {name: name for name in INPUTS}
    for op in graph.ops:
        key = (op.kind, *(formula[arg.ref] for arg in refs(op)))
        formula[op.name] = known.setdefault(key, str(len(known)))
    named = [("output", n.name, n.value) for n in graph.outputs]
    named += [("gradient", n.name, n.value) for n in graph.gradients]
    named += [("update", u.state, u.new) for u in graph.updates]
    return {f"{what} {name}": formula[value] for what, name, value in named}


def refs(op: Op) -> list[Ref]:
    return [arg for arg in op.args if isinstance(arg, Ref)]


@given(steps())
def test_results_mean_the_same_and_tasks_are_sound(graph: Graph) -> None:
    done = run_passes(graph, PIPELINE)  # verifies after each pass, task order included
    known: dict[tuple[str, ...], str] = {}
    assert meaning(done, known) == meaning(graph, known)
    available = {*INPUTS, *(name for op in folded_ops(done) for name in op.outputs)}
    for task in tasks_of(done):
        assert available.issuperset(task.inputs)
        available.update(name for op in task.ops for name in op.outputs)
        products = [op for op in task.ops if contraction(done, op)]
        if products and products[0].role is not Role.OPTIMIZER:
            others = [op for op in task.ops if op not in products]
            assert len(products) == 1
            assert all(is_alias(done, op) for op in others)


@given(steps())
def test_only_storage_crosses_between_operations_that_compute(graph: Graph) -> None:
    done = run_passes(graph, PIPELINE)
    layout = layouts(done)
    folded = {name for op in folded_ops(done) for name in op.outputs}
    for task in tasks_of(done):
        assert all(layout[name].root == name or name in folded for name in task.inputs)


@given(steps())
def test_the_pipeline_is_stable(graph: Graph) -> None:
    once = run_passes(graph, PIPELINE)
    bare = replace(once, ops=tuple(replace(op, tag=None, task=None) for op in once.ops))
    again = run_passes(bare, PIPELINE[4:])
    assert [op.task for op in again.ops] == [op.task for op in once.ops]


def test_the_benchmark_times_every_pass() -> None:
    found = timed(chain(30))
    assert list(found) == ["verify", *(step.name for step in PIPELINE)]
    assert min(found.values()) > 0
