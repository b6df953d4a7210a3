"""One phase of a program: passed, priced, placed, scheduled and reported."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import cast

from hptc.ir.graph import Graph, Phase
from hptc.micro_batches.model import MicroBatched, Overlap, places
from hptc.micro_batches.overlap import as_one_step, overlapped, overlapped_at
from hptc.micro_batches.report import micro_batch_report
from hptc.options import Options
from hptc.partition.files.figures import front_json
from hptc.partition.fronts.front import LEAST_POINTS
from hptc.partition.fronts.pareto import pareto
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import Clock, Limits, Progress
from hptc.partition.problem import Assignment, Problem, Solution
from hptc.partition.solve import solve
from hptc.schedule.again import with_reruns
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.limits import check_limits
from hptc.schedule.model import CompiledPhase
from hptc.schedule.priced import Priced, with_gpu
from hptc.schedule.report import Json, phase_report, row_report, single_device_baselines
from hptc.schedule.wear import DEFAULT_STEPS
from hptc.sensitivity.model import Answer
from hptc.sensitivity.report import sensitivity
from hptc.target import Target
from hptc.tiling import Placed, Tiler
from passes import PIPELINE, run_passes

LEAST_SOLVE_S = 1.0
"""Solver time of a phase even where capture has used up the limit."""
ALONE_SHARE = 0.3
"""Share of the time in which a step alone is placed, where its micro-batches are to overlap."""


@dataclass(frozen=True)
class Hooks:
    """Where a caller may look in while a program is compiled."""

    after_pass: Callable[[str, Graph], None] | None = None
    progress: Callable[[Phase, Progress], None] | None = None
    """Of the solver, phase by phase."""
    together: Callable[[Progress], None] | None = None
    """Of all phases, where they are placed together."""
    stop: Callable[[], bool] | None = None


NO_HOOKS = Hooks()


@dataclass(frozen=True)
class PhaseResult:
    """One compiled phase with its report."""

    compiled: CompiledPhase
    report: Json


@dataclass(frozen=True)
class PlacedPhase:
    """A phase with an answer, before it is scheduled."""

    whole: Priced
    """Not cut in chunks of rows."""
    placed: Placed
    overlap: Overlap | None = None
    """Micro-batches, where the phase is placed for them."""


def compile_phase(
    graph: Graph, target: Target, options: Options, hooks: Hooks, time_s: float
) -> PhaseResult:
    """Compile the step graph of a phase; raises as `hptc.compiler.compile_model` does.

    Args:
        graph: As captured.
        target: Of this phase.
        options: Of the compilation.
        hooks: Where to look in meanwhile.
        time_s: For all of it, in s.
    """
    clock = Clock(Limits(time_s=time_s))
    found = place_phase(graph, target, options, hooks, time_s / (1 + options.studies))
    return schedule_phase(found, options, hooks, max(LEAST_SOLVE_S, clock.left_s))


def place_phase(
    graph: Graph, target: Target, options: Options, hooks: Hooks, time_s: float
) -> PlacedPhase:
    """Place the step graph of a phase by itself; arguments and errors as of `compile_phase`."""
    clock = Clock(Limits(time_s=time_s))
    whole = Priced.of(
        run_passes(graph, PIPELINE, hooks.after_pass), target, _steps(options, graph.phase)
    )
    limits = limits_of(options, clock.left_s)
    if options.objective.measure is Measure.PERIOD:
        return _place_overlapping(whole, options, hooks, limits)
    return PlacedPhase(whole, _place(whole, options, hooks, limits))


def _place_overlapping(
    whole: Priced, options: Options, hooks: Hooks, limits: Limits
) -> PlacedPhase:
    """Place a phase for micro-batches that overlap, starting from its fastest step."""
    share_s = ALONE_SHARE * limits.span_s
    alone = replace(options, objective=Objective.LATENCY)
    fastest = _place(whole, alone, hooks, limits.within(share_s)).solution
    micro = MicroBatched.of(whole, _steps(options, whole.graph.phase))
    clock = Clock(limits.within(limits.span_s - share_s), hooks.stop)
    start = places(whole.posed.problem, fastest.assignment)
    overlap = overlapped(micro, options.micro_batches, clock, start)
    return PlacedPhase(whole, Placed(whole, as_one_step(whole, overlap, fastest)), overlap)


def schedule_phase(
    found: PlacedPhase, options: Options, hooks: Hooks, time_s: float
) -> PhaseResult:
    """Schedule and report a placed phase, with the studies of it that are asked for."""
    clock = Clock(Limits(time_s=time_s))
    placed, solution = found.placed.priced, found.placed.solution
    chosen, step = with_reruns(placed, solution.assignment)
    graph, costs, posed = chosen.graph, chosen.costs, chosen.posed
    schedule = build_schedule(graph, chosen.tasks, costs, posed, step)
    check_schedule(graph, schedule)
    check_limits(graph, schedule, chosen.target)
    report = phase_report(graph, posed, replace(solution, assignment=step), schedule, costs)
    report |= {"rows": row_report(found.whole.graph), **_tiling(found.placed, options)}
    steps = _steps(options, graph.phase)
    report |= _baselines(found.whole, steps)
    answer = Answer(placed, steps, solution)
    studies = _studies(found, options, hooks)
    for position, (name, study) in enumerate(studies.items()):
        left_s = clock.left_s / (len(studies) - position)
        report[name] = study(answer, limits_of(options, left_s))
    if "micro_batches" in report:
        report["period_ns"] = cast("Json", report["micro_batches"])["period_ns"]
    return PhaseResult(CompiledPhase(graph, schedule, chosen.target.toml), report)


def _tiling(placed: Placed, options: Options) -> Json:
    """Return how the phase is cut, and for which schedules the bound is proven."""
    return {
        "tiling": None if placed.tiling is None else asdict(placed.tiling),
        "tried": None if placed.tried is None else asdict(placed.tried),
        "bound_holds_for": options.bound_holds_for,
    }


def _place(whole: Priced, options: Options, hooks: Hooks, limits: Limits) -> Placed:
    """Place a phase, whole or in chunks of rows."""
    progress, phase = hooks.progress, whole.graph.phase

    def solver(problem: Problem, limits: Limits, start: Assignment | None) -> Solution:
        return solve(
            problem,
            objective=options.objective,
            limits=limits,
            start=start,
            progress=None if progress is None else (lambda seen: progress(phase, seen)),
            stop=hooks.stop,
        )

    if options.chunks == 1:
        return Placed(whole, solver(whole.posed.problem, limits, None))
    steps = _steps(options, phase)
    tiler = Tiler(whole, steps, options.objective, solver, Clock(limits, hooks.stop))
    return tiler.best() if options.chunks is None else tiler.fixed(options.chunks)


def _steps(options: Options, phase: Phase) -> int:
    return options.steps.get(phase, DEFAULT_STEPS)


def limits_of(options: Options, time_s: float, parts: int = 1) -> Limits:
    """Return the limits of one search, or of one that takes the place of several.

    Where work is limited, each has an equal part.
    """
    work_s = options.work_limit
    if work_s is not None:
        work_s *= parts / options.searches
    time_s = max(LEAST_SOLVE_S, time_s)
    return Limits(time_s=time_s, gap=options.gap, seed=options.seed, work_s=work_s)


def _studies(
    phase: PlacedPhase, options: Options, hooks: Hooks
) -> dict[str, Callable[[Answer, Limits], Json]]:
    """Return what is asked of each phase beside its schedule, by key of the report."""
    found: dict[str, Callable[[Answer, Limits], Json]] = {}
    if options.pareto is not None:
        found["pareto"] = lambda _, limits: _front(phase.placed, limits, options, hooks)
    if options.sensitivity:
        found["sensitivity"] = lambda answer, limits: sensitivity(answer, limits, hooks.stop)
    if options.micro_batches > 1:
        found["micro_batches"] = lambda _, limits: _micro_batches(
            phase, options, Clock(limits, hooks.stop)
        )
    return found


def _micro_batches(phase: PlacedPhase, options: Options, clock: Clock) -> Json:
    count, steps = options.micro_batches, _steps(options, phase.whole.graph.phase)
    if phase.overlap is not None:
        return micro_batch_report(phase.whole, phase.overlap, steps)
    priced, solution = phase.placed.priced, phase.placed.solution
    where = places(priced.posed.problem, solution.assignment)
    overlap = overlapped_at(MicroBatched.of(priced, steps), count, clock, where)
    return micro_batch_report(phase.whole, overlap, steps)


def _front(placed: Placed, limits: Limits, options: Options, hooks: Hooks) -> Json:
    problem, start = placed.priced.posed.problem, placed.solution.assignment
    points, within = options.pareto or LEAST_POINTS, options.objective
    front = pareto(problem, points, within=within, limits=limits, start=start, stop=hooks.stop)
    return front_json(problem, front)


def _baselines(whole: Priced, steps: int) -> Json:
    """Return the whole phase on single devices, and which of them is the all-GPU mapping."""
    found = single_device_baselines(whole.posed)
    gpu, alone = with_gpu(whole, steps)
    if alone is not whole:
        found[gpu] = single_device_baselines(alone.posed)[gpu]
    return {"baselines": found, "all_gpu": gpu}
