"""The report of a compiled phase: the figures that `hptc compile --json` prints."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from hptc.cost import CostTable
from hptc.ir.axes import RowFlow, row_flows
from hptc.ir.graph import Graph, Op, OperandTag, Role
from hptc.ir.ops import work
from hptc.partition import problem as pb
from hptc.partition.files.figures import finite, objective_json
from hptc.schedule.model import Instruction, InstructionKind, Schedule
from hptc.schedule.pose import Posed
from hptc.schedule.sequences import sequences
from hptc.schedule.wear import wear
from hptc.units import PJ_PER_NJ

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class StepFigures:
    """What a step takes, what its crossbars take at phase entry, and how long they last."""

    latency_ns: int
    energy_nj: float
    crossbars_used: int
    program_ns: float
    program_nj: float
    cell_writes_per_step: int
    steps_to_failure: int | None
    programmings_to_failure: int | None
    """This and the two above: as in `hptc.schedule.wear`."""


def phase_report(
    graph: Graph,
    posed: Posed,
    solution: pb.Solution,
    schedule: Schedule,
    costs: CostTable,
) -> Json:
    """Return the report of one phase, baselines aside, with the keys of DESIGN section 9.

    The schedule repeats step after step without overlap, so its period is its latency (that of
    micro-batches that overlap: `hptc.micro_batches`). The bound
    holds for the task graph as fused, whatever the copies of each matrix. What is folded is
    done once at phase entry: it counts under its tag, but not in the work of a step.
    """
    settled = posed.settled(costs, solution.assignment)
    return {
        "ops": len(graph.ops),
        "step": asdict(work(graph, [op for op in graph.ops if op.tag is not OperandTag.FOLDED])),
        "tasks": len(set(posed.tasks)),
        "run_again": sorted(_run_again(schedule)),
        "tags": _grouped(graph, [tag.value for tag in OperandTag], _tag_of),
        "roles": _grouped(graph, [role.value for role in Role], lambda op: op.role.value),
        "devices": _devices(posed, schedule),
        **asdict(step_figures(posed, solution.assignment, schedule, costs)),
        "period_ns": schedule.latency_ns,
        "lower_bound_ns": solution.lower_bound_ns,
        "gap": finite(pb.relative_gap(schedule.latency_ns, solution.lower_bound_ns)),
        "status": solution.status.value,
        **objective_json(solution),
        "solve_s": solution.wall_s,
        "transfers": sum(i.kind is InstructionKind.TRANSFER for i in schedule.step),
        "sequences": asdict(sequences(settled, _placed(schedule))),
    }


def step_figures(
    posed: Posed, assignment: pb.Assignment, schedule: Schedule, costs: CostTable
) -> StepFigures:
    """Return what a phase takes by a schedule."""
    lasting = wear(posed.settled(costs, assignment), _placed(schedule))
    return StepFigures(
        latency_ns=schedule.latency_ns,
        energy_nj=schedule.energy_pj / PJ_PER_NJ,
        crossbars_used=_crossbars_used(posed, assignment),
        program_ns=schedule.program_ns,
        program_nj=schedule.program_pj / PJ_PER_NJ,
        cell_writes_per_step=lasting.cell_writes_per_step,
        steps_to_failure=lasting.steps_to_failure,
        programmings_to_failure=lasting.programmings_to_failure,
    )


def single_device_baselines(posed: Posed) -> dict[str, Json]:
    """Return latency and energy of the whole phase on each unary device that can run it alone."""
    found: dict[str, Json] = {}
    for index, device in enumerate(posed.problem.devices):
        modes = [
            next((mode for mode in task.modes if mode.device == index), None)
            for task in posed.problem.tasks
        ]
        chosen = [mode for mode in modes if mode is not None]
        if device.capacity_crossbars is not None or len(chosen) < len(modes):
            continue
        latency_ns = sum(mode.duration_ns for mode in chosen)
        dynamic_pj = sum(mode.energy_pj for mode in chosen)
        energy_pj = dynamic_pj + device.static_power_pj_per_ns * latency_ns
        found[device.name] = {"latency_ns": latency_ns, "energy_nj": energy_pj / PJ_PER_NJ}
    return found


def _tag_of(op: Op) -> str:
    return op.tag.value if op.tag is not None else ""


def _grouped(graph: Graph, names: Sequence[str], key: Callable[[Op], str]) -> Json:
    groups: dict[str, list[Op]] = {name: [] for name in names}
    for op in graph.ops:
        groups[key(op)].append(op)
    return {name: asdict(work(graph, ops)) for name, ops in groups.items()}


def row_report(graph: Graph) -> list[Json]:
    """Return how much of a step that is not cut the rows of each axis stream through."""
    return [_rows(flow) for flow in row_flows(graph)]


def _rows(found: RowFlow) -> Json:
    by_flow = {flow.value: asdict(done) for flow, done in found.flows.items()}
    return {"axis": found.axis, "extent": found.extent, "waiting": found.waiting, **by_flow}


def _devices(posed: Posed, schedule: Schedule) -> Json:
    found = {name: [0, 0] for name in posed.devices}
    for instruction in _execs(schedule):
        found[instruction.device][0] += len(instruction.ops)
        found[instruction.device][1] += instruction.end_ns - instruction.start_ns
    return {name: {"ops": ops, "busy_ns": busy_ns} for name, (ops, busy_ns) in found.items()}


def _execs(schedule: Schedule) -> list[Instruction]:
    return [i for i in schedule.step if i.kind is InstructionKind.EXEC]


def _run_again(schedule: Schedule) -> Iterator[str]:
    """Yield the tasks that run more than once a step, to save memory."""
    runs = Counter(instruction.task for instruction in _execs(schedule))
    yield from (task for task, count in runs.items() if count > 1)


def _placed(schedule: Schedule) -> dict[str, str]:
    return {i.task: i.device for i in _execs(schedule)}


def _crossbars_used(posed: Posed, assignment: pb.Assignment) -> int:
    used = {mode.matrix for mode in posed.chosen(assignment)}
    return sum(posed.problem.matrices[matrix].crossbars for matrix in used if matrix is not None)
