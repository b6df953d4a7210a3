"""accumulate-gradients: a step as one of several micro-batches whose gradients add up."""

from dataclasses import dataclass, replace

from hptc.ir.graph import (
    Graph,
    Op,
    OperandTag,
    Ref,
    Residency,
    Role,
    Update,
    Value,
    ValueKind,
)
from hptc.ir.rename import renamed_inputs
from hptc.ir.tasks import tasks_of


@dataclass(frozen=True, slots=True)
class AccumulateGradients:
    """Add what the optimizer takes to what the micro-batches before made, each sum a task.

    Operations of every micro-batch come first, then the sums, then the tasks that run once after
    the last micro-batch (`once`). That the loss is the mean over the micro-batches is one factor
    more in the first product of the backward pass, and no operation here.
    """

    name: str = "accumulate-gradients"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with sums; needs tags and tasks."""
        last = once(graph)
        late = [op for op in graph.ops if op.task in last]
        early = [op for op in graph.ops if op.task not in last]
        made = {name for op in early for name in op.outputs if op.tag is not OperandTag.FOLDED}
        summed = dict.fromkeys(name for op in late for name in op.inputs if name in made)
        names = {name: f"{name}.sum" for name in summed}
        held = [_held(graph.by_name[name]) for name in summed]
        late = [
            renamed_inputs(op, {name: names.get(name, name) for name in op.inputs}) for op in late
        ]
        ops = (*early, *map(_sum, summed), *late)
        sums = {names[name]: replace(graph.by_name[name], name=names[name]) for name in summed}
        results = (sums.get(name) or graph.by_name[name] for op in ops for name in op.outputs)
        updates = (Update(state.name, name) for state, name in zip(held, sums, strict=True))
        return replace(
            graph,
            values=(*graph.given, *held, *results),
            ops=ops,
            updates=(*graph.updates, *updates),
        )


def once(graph: Graph) -> frozenset[str]:
    """Return the tasks that run once after the last micro-batch: what only the optimizer needs.

    They are its tasks whose results no other task reads before the next step.
    """
    tasks = tasks_of(graph)
    found = {task.name for task in tasks if all(op.role is Role.OPTIMIZER for op in task.ops)}
    for task in reversed(tasks):
        readers = {r.task for name in task.outputs for r in graph.readers[name]} - {task.name}
        if not readers <= found:
            found.discard(task.name)
    return frozenset(found)


def _held(value: Value) -> Value:
    """Return the state in which the sum of a value so far is held."""
    return replace(
        value,
        name=f"{value.name}.held",
        kind=ValueKind.STATE,
        residency=Residency.TRAINABLE,
    )


def _sum(name: str) -> Op:
    total = f"{name}.sum"
    return Op(
        total,
        "aten.add.Tensor",
        (Ref(f"{name}.held"), Ref(name)),
        (total,),
        role=Role.WEIGHT_GRADIENT,
        tag=OperandTag.TRAINABLE,
        task=total,
        source="accumulate",
    )
