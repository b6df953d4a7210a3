"""What the page shows, as frozen records; `encode` writes them as JSON for the template."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpRow:
    """One operation of a phase."""

    name: str
    kind: str
    source: str
    role: str
    tag: str
    macs: int


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One resource of the timeline."""

    name: str
    device: str
    """The device it belongs to; empty for a link."""
    kind: str
    """`device`, `matrix` (part of a spatial device) or `link`."""


@dataclass(frozen=True, slots=True)
class InstructionRow:
    """One instruction of a schedule."""

    stage: str
    """`entry`, `step` or `exit`."""
    kind: str
    label: str
    """What the user calls it: the task, else the value, else the first operation."""
    device: str
    lane: int
    """Position among the lanes."""
    tag: str
    """Main tag of its operations; empty without operations."""
    role: str
    start_ns: int
    end_ns: int
    energy_pj: float
    ops: tuple[int, ...]
    """Positions among the operations."""
    value: str
    source: str
    rows: str
    """Row range of a tiled instruction, e.g. `0-63` or `0-63 accumulated`."""
    cells: int
    """ReRAM cells written."""


@dataclass(frozen=True, slots=True)
class PlacementRow:
    """What one device does for one tag."""

    device: str
    tag: str
    ops: int
    macs: int
    busy_ns: int


@dataclass(frozen=True, slots=True)
class WorkRow:
    """The work of one tag or role."""

    name: str
    ops: int
    macs: int
    flops: int
    bytes: int
    """Read and written."""


@dataclass(frozen=True, slots=True)
class FlowRow:
    """What the rows of an axis of the first input do in the step; None where it is not told."""

    axis: float | None
    extent: float | None
    map_macs: float | None
    reduce_macs: float | None
    all_macs: float | None
    all_ops: float | None
    """Operations that need every row."""
    waiting: float | None
    """Operations that stream once another operand is there whole."""


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """Totals of another mapping of the same phase; None where it is infeasible."""

    name: str
    latency_ns: float | None
    energy_nj: float | None


@dataclass(frozen=True, slots=True)
class Goal:
    """What was minimised, and what is proven of it; None where the report does not tell."""

    text: str
    """As `--objective` names it."""
    is_latency: bool
    """And nothing else: no limit on the energy either."""
    value: float | None
    bound: float | None
    gap: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures of one phase; None where the report does not give one."""

    latency_ns: float
    energy_nj: float
    program_ns: float
    program_nj: float
    period_ns: float | None
    lower_bound_ns: float | None
    gap: float | None
    crossbars_used: float | None
    steps_to_failure: float | None
    programmings_to_failure: float | None
    """This and the one above: as in `hptc.schedule.wear`."""
    status: str
    """`optimal` or `feasible`, by the goal."""
    goal: Goal
    holds_for: str
    """For which schedules bounds are proven."""


@dataclass(frozen=True, slots=True)
class PhaseData:
    """One tab of the page."""

    name: str
    totals: Totals
    baselines: tuple[BaselineRow, ...]
    tags: tuple[WorkRow, ...]
    roles: tuple[WorkRow, ...]
    flows: tuple[FlowRow, ...]
    placement: tuple[PlacementRow, ...]
    lanes: tuple[LaneRow, ...]
    ops: tuple[OpRow, ...]
    instructions: tuple[InstructionRow, ...]
    trained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled line of the header."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class PageData:
    """The whole page."""

    model: str
    target: str
    facts: tuple[Fact, ...]
    options: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    phases: tuple[PhaseData, ...]
