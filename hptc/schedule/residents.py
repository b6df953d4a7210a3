"""What each device holds from phase entry on: loaded values and folded results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hptc.ir.graph import STEP_INPUTS, Graph, Op
from hptc.ir.tasks import Task, folded_ops
from hptc.schedule.pose import homes_of


@dataclass(frozen=True, slots=True)
class Residents:
    """What one device holds before the first step."""

    loaded: tuple[str, ...]
    """Parameters, buffers, constants and optimizer state, in graph order."""
    folded: tuple[Op, ...]
    """Operations evaluated there at phase entry, in graph order."""


def residents_of(
    graph: Graph, tasks: Sequence[Task], placed: Mapping[str, str], devices: Sequence[str]
) -> dict[str, Residents]:
    """Return what each of `devices` must hold at phase entry.

    A state that a task updates lies on the device of that task, its home; everything else that is
    fixed lies on each device that reads it. What nobody reads, but the phase must yield, lies on
    the first device in use.

    Args:
        graph: The fused graph.
        tasks: Its tasks.
        placed: Device of each task.
        devices: The devices in use; there must be at least one.
    """
    homes = {state: placed[tasks[t].name] for state, t in homes_of(graph, tasks).items()}
    wanted: dict[str, set[str]] = {device: set() for device in devices}
    for task in tasks:
        wanted[placed[task.name]].update(name for name in task.inputs if name not in homes)
    for state, home in homes.items():
        wanted[home].add(state)
    _add_yields(graph, wanted, homes)
    return {device: _residents(graph, wanted[device]) for device in devices}


def _add_yields(graph: Graph, wanted: Mapping[str, set[str]], homes: Mapping[str, str]) -> None:
    """Add outputs and new states that no task computes."""
    first = next(iter(wanted.values()))
    for named in graph.outputs:
        if named.value not in homes and not any(named.value in names for names in wanted.values()):
            first.add(named.value)
    homeless = {u.state: u.new for u in graph.updates if u.state not in homes}
    for state in homeless:
        if not any(state in names for names in wanted.values()):
            first.add(state)
    for names in wanted.values():
        pending = [name for name in names if name in homeless]
        while pending:  # a device that holds a state must find there what the state becomes
            new = homeless[pending.pop()]
            if new not in names:
                names.add(new)
                pending += [new] if new in homeless else []


def unfolded(graph: Graph, wanted: Iterable[str]) -> set[str]:
    """Return values with all from which those of them that are folded are made."""
    folded = {name: op for op in folded_ops(graph) for name in op.outputs}
    names = set(wanted)
    pending = list(names)
    while pending:
        op = folded.get(pending.pop())
        if op is not None:
            fresh = [name for name in op.inputs if name not in names]
            names.update(fresh)
            pending += fresh
    return names


def _residents(graph: Graph, wanted: set[str]) -> Residents:
    """Close `wanted` over folded operations; results of tasks and step inputs drop out."""
    names = unfolded(graph, wanted)
    loaded = tuple(
        value.name for value in graph.given if value.name in names and value.kind not in STEP_INPUTS
    )
    return Residents(
        loaded, tuple(op for op in folded_ops(graph) if not names.isdisjoint(op.outputs))
    )
