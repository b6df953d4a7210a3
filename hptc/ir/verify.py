"""Invariants of a graph, as a table of rules; those of a later stage hold once its facts exist."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain

from hptc.errors import UnsupportedOpError, VerifyError
from hptc.ir.families import family
from hptc.ir.graph import Graph, OperandTag, ValueKind
from hptc.ir.tags import operand_tag, residencies, written

Breach = tuple[str, str]
"""The culprit (an operation, value or update) and what was found."""


def verify(graph: Graph) -> None:
    """Check every rule, in order.

    Raises:
        VerifyError: A rule is broken; the message names the culprit and the rule.
    """
    for rule, breaches in RULES:
        for culprit, found in breaches(graph):
            raise VerifyError(f"{graph.phase.value} graph, {culprit}", expected=rule, found=found)


def _duplicates(graph: Graph) -> Iterator[Breach]:
    for what, names in (
        ("value", [value.name for value in graph.values]),
        ("operation", [op.name for op in graph.ops]),
        ("output", [named.name for named in graph.outputs]),
        ("gradient", [named.name for named in graph.gradients]),
        ("update", [update.state for update in graph.updates]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                yield f"{what} {name}", f"{count} of that name"


def _misplaced_values(graph: Graph) -> Iterator[Breach]:
    kinds = [value.kind is ValueKind.COMPUTED for value in graph.values]
    if kinds != sorted(kinds):
        yield "table of values", "an input after a computed value"
    listed = [value.name for value in graph.values if value.kind is ValueKind.COMPUTED]
    made = [name for op in graph.ops for name in op.outputs]
    for position in range(max(len(listed), len(made))):
        pair = listed[position : position + 1], made[position : position + 1]
        if pair[0] != pair[1]:
            yield "table of values", f"{pair[0] or 'no value'} for result {pair[1] or 'of no op'}"


def _without_output(graph: Graph) -> Iterator[Breach]:
    for op in graph.ops:
        if not op.outputs:
            yield f"operation {op.name}", "none"


def _undefined(graph: Graph) -> Iterator[Breach]:
    ready = {value.name for value in graph.given}
    for op in graph.ops:
        for name in op.inputs:
            if name not in ready:
                yield f"operation {op.name}", f"{name} read before it is defined"
        ready.update(op.outputs)
    for what, name, value in chain(
        (("output", named.name, named.value) for named in graph.outputs),
        (("gradient", named.name, named.value) for named in graph.gradients),
        (("update", update.state, update.new) for update in graph.updates),
        (("update", update.state, update.state) for update in graph.updates),
    ):
        if value not in ready:
            yield f"{what} {name}", f"no value {value}"


def _unknown_kinds(graph: Graph) -> Iterator[Breach]:
    for op in graph.ops:
        try:
            family(op.kind)
        except UnsupportedOpError:
            yield f"operation {op.name}", f"the unknown kind {op.kind}"


def _wrong_updates(graph: Graph) -> Iterator[Breach]:
    for update in graph.updates:
        state, new = graph.by_name[update.state], graph.by_name[update.new]
        if state.kind in _NO_STATE:
            yield f"update {state.name}", f"the kind {state.kind.value}"
        if (state.shape, state.dtype) != (new.shape, new.dtype):
            yield f"update {state.name}", f"{new.name} of {new.dtype.value}{list(new.shape)}"


def _wrong_gradients(graph: Graph) -> Iterator[Breach]:
    for gradient in graph.gradients:
        parameter = graph.by_name.get(gradient.name)
        shape = graph.by_name[gradient.value].shape
        if parameter is not None and parameter.shape != shape:
            yield f"gradient {gradient.name}", f"{gradient.value} of shape {list(shape)}"


def _stale_residencies(graph: Graph) -> Iterator[Breach]:
    if all(value.residency is None for value in graph.values):
        return
    expected = residencies(graph)
    for value in graph.values:
        if value.residency is not expected[value.name]:
            found = value.residency.value if value.residency else "none"
            yield f"value {value.name}", f"{found} for {expected[value.name].value}"


def _stale_tags(graph: Graph) -> Iterator[Breach]:
    if all(op.tag is None for op in graph.ops):
        return
    residency = residencies(graph)
    updates = written(graph)
    for op in graph.ops:
        expected = operand_tag(graph, op, residency, updates)
        if op.tag is not expected:
            found = op.tag.value if op.tag else "none"
            yield f"operation {op.name}", f"{found} for {expected.value}"


def _missing_tasks(graph: Graph) -> Iterator[Breach]:
    if all(op.task is None for op in graph.ops):
        return
    for op in graph.ops:
        if (op.task is None) != (op.tag is _FOLDED):
            yield f"operation {op.name}", f"the task {op.task}"


def _task_cycles(graph: Graph) -> Iterator[Breach]:
    """Tasks that cannot be put in an order (Kahn's algorithm leaves them over)."""
    task = {op.name: op.task for op in graph.ops if op.task is not None}
    after: dict[str, set[str]] = {name: set() for name in task.values()}
    for op in graph.ops:
        makers = (graph.producer.get(name) for name in op.inputs)
        before = {task[maker.name] for maker in makers if maker and maker.name in task}
        for name in before - {op.task}:
            if op.task is not None:
                after[name].add(op.task)
    waiting = Counter(chain.from_iterable(after.values()))
    ready = [name for name in after if not waiting[name]]
    for name in ready:
        for reader in after[name]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    stuck = sorted(after.keys() - set(ready))
    if stuck:
        yield f"task {stuck[0]}", f"a cycle through {', '.join(stuck[:5])}"


_FOLDED = OperandTag.FOLDED
_NO_STATE = frozenset({ValueKind.COMPUTED, ValueKind.CONSTANT, ValueKind.BATCH})

RULES: tuple[tuple[str, Callable[[Graph], Iterator[Breach]]], ...] = (
    ("unique names", _duplicates),
    ("inputs, then every result once in the order of operations", _misplaced_values),
    ("at least one output", _without_output),
    ("values defined before they are read", _undefined),
    ("a known operation family", _unknown_kinds),
    ("updates that name state of the same shape and type", _wrong_updates),
    ("gradients of the shape of their parameter", _wrong_gradients),
    ("residencies that follow from data flow", _stale_residencies),
    ("operand tags that follow from data flow", _stale_tags),
    ("a task for each operation that is not folded", _missing_tasks),
    ("tasks that can be ordered", _task_cycles),
)
"""The rules, each with what it yields for a graph that breaks it."""
