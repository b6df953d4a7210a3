"""From a bundle to the records that the page shows."""

from collections.abc import Mapping, Sequence
from operator import attrgetter

from hptc.ir.graph import Phase
from hptc.schedule.model import Bundle, CompiledPhase, Instruction, Schedule
from hptc.viz import report as reports
from hptc.viz.data import Fact, InstructionRow, LaneRow, OpRow, PageData, PhaseData
from hptc.viz.lanes import lane_of, lanes
from hptc.viz.work import ROLES, TAGS, main_of, op_rows, placement, tally

_TAG = attrgetter("tag")
_ROLE = attrgetter("role")


def collect(bundle: Bundle) -> PageData:
    """Return everything the page shows of `bundle`."""
    report = bundle.report
    return PageData(
        model=bundle.name,
        target=reports.text(report.get("target", "unknown")),
        facts=_times(report),
        options=reports.facts(bundle.options),
        versions=reports.facts(bundle.versions),
        phases=tuple(
            _phase(bundle.phases[phase], reports.phase_report(report, phase))
            for phase in Phase
            if phase in bundle.phases
        ),
    )


def _times(report: Mapping[str, object]) -> tuple[Fact, ...]:
    times = (
        ("captured in", reports.number(report, "capture_s")),
        ("solved in", reports.number(report, "solve_s")),
    )
    return tuple(Fact(label, f"{seconds:.3g} s") for label, seconds in times if seconds is not None)


def _phase(compiled: CompiledPhase, report: Mapping[str, object]) -> PhaseData:
    graph, schedule = compiled.graph, compiled.schedule
    ops = op_rows(graph)
    every = (*schedule.prologue, *schedule.step, *schedule.epilogue)
    drawn = lanes(every, reports.mapping(report, "devices"))
    rows = _instructions(schedule, ops, drawn)
    return PhaseData(
        name=graph.phase.value,
        totals=reports.totals(report, schedule),
        baselines=reports.baselines(report),
        tags=tally(graph, ops, _TAG, TAGS),
        roles=tally(graph, ops, _ROLE, ROLES),
        flows=reports.flows(report),
        placement=placement(ops, rows),
        lanes=drawn,
        ops=ops,
        instructions=rows,
        trained=graph.trained,
    )


def _instructions(
    schedule: Schedule, ops: Sequence[OpRow], drawn: Sequence[LaneRow]
) -> tuple[InstructionRow, ...]:
    lane_at = {lane: place for place, lane in enumerate(drawn)}
    op_at = {op.name: place for place, op in enumerate(ops)}
    stages = (("step", schedule.step), ("entry", schedule.prologue), ("exit", schedule.epilogue))
    return tuple(
        _row(stage, item, lane_at[lane_of(item)], [op_at[name] for name in item.ops], ops)
        for stage, items in stages
        for item in items
    )


def _row(
    stage: str, item: Instruction, lane: int, positions: Sequence[int], ops: Sequence[OpRow]
) -> InstructionRow:
    members = [ops[position] for position in positions]
    return InstructionRow(
        stage=stage,
        kind=item.kind.value,
        label=item.task or item.value or (item.ops[0] if item.ops else item.kind.value),
        device=item.device,
        lane=lane,
        tag=main_of(members, _TAG, TAGS),
        role=main_of(members, _ROLE, ROLES),
        start_ns=item.start_ns,
        end_ns=item.end_ns,
        energy_pj=item.energy_pj,
        ops=tuple(positions),
        value=item.value,
        source=item.source,
        rows=_rows(item),
        cells=item.cells,
    )


def _rows(item: Instruction) -> str:
    if item.rows is None:
        return ""
    first, stop = item.rows
    return f"{first}-{stop - 1}{' accumulated' if item.accumulate else ''}"
