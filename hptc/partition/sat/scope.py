"""What a CP-SAT model may change, and the fixed surroundings it has to respect.

The whole problem is a scope without surroundings. A window frees some tasks that are consecutive in
the order of start: earlier items keep their times, later ones keep device and sequence and only
shift. The latter act through tails: the longest path in ns from an item to the end of the step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hptc.partition.instance import Instance
from hptc.partition.tables import Pair


@dataclass(frozen=True, slots=True)
class Scope:
    """Free tasks and their surroundings; times in ns."""

    options: Mapping[int, tuple[int, ...]]
    """Modes each free task may take."""
    fixed: Mapping[int, int] = field(default_factory=dict)
    """Modes of other tasks: those whose results free tasks read or, carried, make ready."""
    held: frozenset[int] = frozenset()
    """Rows that other tasks use."""
    origin: int = 0
    """New transfers start from here."""
    made: Mapping[int, int] = field(default_factory=dict)
    """End of each of them that is earlier."""
    arrival: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """(value, source device, destination): arrival by a transfer that stays in place."""
    row_ready: Mapping[int, int] = field(default_factory=dict)
    row_busy: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """Of rows with several units: what still runs at the origin. Free tasks start from there on."""
    wire_busy: Mapping[Pair, Sequence[tuple[int, int]]] = field(default_factory=dict)
    row_tail: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(row, unit): longest path from the first later task there."""
    wire_tail: Mapping[Pair, int] = field(default_factory=dict)
    sent_tail: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """(value, source device, destination): longest path from a transfer to later readers that may
    stay behind transfers which shift."""
    read_tail: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(value, device): longest path from the later readers there."""
    floor: int = 0
    """Makespan that the fixed items alone impose."""


def whole(instance: Instance) -> Scope:
    """Return the scope that frees every task."""
    return Scope(dict(enumerate(instance.options)))
