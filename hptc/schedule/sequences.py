"""Where long sequences of tokens lose time: vectors that follow one another through a matrix."""

from collections.abc import Mapping
from dataclasses import dataclass

from hptc.cost import CostTable

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sequence:
    """One task whose vectors wait for one another."""

    task: str
    reads: int
    """Vectors through each copy of its matrix."""
    waiting_ns: float


@dataclass(frozen=True, slots=True)
class Sequences:
    """What a phase loses to vectors one after the other, tasks added up as if none overlapped."""

    crossbar_ns: float
    """Latency of all tasks on crossbars."""
    waiting_ns: float
    """Of that, with vectors waiting for others of the same task."""
    longest: tuple[Sequence, ...]
    """The tasks that lose most, at most five."""


def sequences(costs: CostTable, placed: Mapping[str, str]) -> Sequences:
    """Return what the tasks on crossbars lose.

    Args:
        costs: Prices, with what each task reads from crossbars.
        placed: Device of each task.
    """
    total_ns, found = 0.0, []
    for task, name in placed.items():
        cost = costs.device(name).tasks[task]
        if cost is not None and cost.crossbars is not None:
            total_ns += cost.latency_ns
            found.append(Sequence(task, cost.crossbars.reads, cost.crossbars.waiting_ns))
    found.sort(key=lambda sequence: (-sequence.waiting_ns, sequence.task))
    waiting = tuple(sequence for sequence in found if sequence.waiting_ns)
    return Sequences(total_ns, sum(item.waiting_ns for item in found), waiting[:_SHOWN])
