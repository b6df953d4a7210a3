"""Timed instructions of a step, and when the values that they make are dropped again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hptc.ir.graph import Graph
from hptc.schedule.model import Instruction, InstructionKind
from hptc.schedule.residents import Residents

Copy = tuple[str, str, int | None]
"""Device, value, and the position of the task that made it (None: it was loaded or fed)."""


@dataclass(frozen=True, slots=True)
class Event:
    """A timed instruction of the step, with the copies it needs and gives."""

    instruction: Instruction
    reads: tuple[Copy, ...]
    makes: tuple[Copy, ...]


def frees(
    graph: Graph, residents: Mapping[str, Residents], events: Sequence[Event]
) -> list[Instruction]:
    """Drop each value after its last use on a device, unless it must outlive the step there.

    Where a task that runs again makes a value that still lies there, or comes back at once, both
    are one: it is dropped after the last use of either.
    """
    kept = {
        (device, name)
        for event in events
        if event.instruction.kind is InstructionKind.EXEC
        for device, name, _ in event.makes
        if name in graph.kept
    }
    loaded = {(device, name) for device, held in residents.items() for name in held.loaded}
    first: dict[Copy, int] = {}
    last: dict[Copy, int] = {}
    for event in events:
        for copy in event.makes:
            first[copy] = event.instruction.start_ns
        for copy in (*event.reads, *event.makes):
            last[copy] = max(last.get(copy, 0), event.instruction.end_ns)
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for copy, begin in first.items():
        spans.setdefault(copy[:2], []).append((begin, last[copy]))
    return [
        Instruction(InstructionKind.FREE, *(device, end, end), value=name)
        for (device, name), found in spans.items()
        if (device, name) not in kept and (device, name) not in loaded
        for end in _ends(found)
    ]


def _ends(spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Yield the ends of spans, those that touch as one."""
    until: int | None = None
    for begin, end in sorted(spans):
        if until is not None and begin > until:
            yield until
        until = end if until is None or begin > until else max(until, end)
    if until is not None:
        yield until
