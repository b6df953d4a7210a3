"""One phase of a program: passed, priced, placed, scheduled and reported."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from cost_models.load import load_target
from hptc.ir.graph import Graph, Phase
from hptc.options import Options
from hptc.partition.figures import front_json
from hptc.partition.front import LEAST_POINTS
from hptc.partition.limits import Clock, Limits, Progress
from hptc.partition.pareto import pareto
from hptc.partition.problem import Assignment, Problem, Solution
from hptc.partition.solve import solve
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.limits import check_limits
from hptc.schedule.model import CompiledPhase
from hptc.schedule.priced import Priced
from hptc.schedule.report import Json, phase_report, row_report, single_device_baselines
from hptc.schedule.wear import DEFAULT_STEPS
from hptc.sensitivity.model import Answer
from hptc.sensitivity.report import sensitivity
from hptc.target import Target
from hptc.tiling import Placed, Tiler
from passes import PIPELINE, run_passes

LEAST_SOLVE_S = 1.0
"""Solver time of a phase even where capture has used up the limit."""


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
    return schedule_phase(found, options, hooks, clock.left_s)


def place_phase(
    graph: Graph, target: Target, options: Options, hooks: Hooks, time_s: float
) -> PlacedPhase:
    """Place the step graph of a phase by itself; arguments and errors as of `compile_phase`."""
    clock = Clock(Limits(time_s=time_s))
    whole = Priced.of(
        run_passes(graph, PIPELINE, hooks.after_pass), target, _steps(options, graph.phase)
    )
    return PlacedPhase(whole, _place(whole, options, hooks, limits_of(options, clock.left_s)))


def schedule_phase(
    found: PlacedPhase, options: Options, hooks: Hooks, time_s: float
) -> PhaseResult:
    """Schedule and report a placed phase, with the studies of it that are asked for."""
    clock = Clock(Limits(time_s=time_s))
    chosen, solution = found.placed.priced, found.placed.solution
    graph, target, tasks, costs, posed = (
        *(chosen.graph, chosen.target, chosen.tasks),
        *(chosen.costs, chosen.posed),
    )
    schedule = build_schedule(graph, tasks, costs, posed, solution.assignment)
    check_schedule(graph, schedule)
    check_limits(graph, schedule, target)
    report = phase_report(graph, posed, solution, schedule, costs)
    report |= {"rows": row_report(found.whole.graph), **_tiling(found.placed, options)}
    steps = _steps(options, graph.phase)
    report |= _baselines(found.whole, steps)
    answer = Answer(graph, tasks, target, steps, costs, posed, solution)
    studies = _studies(options, hooks)
    for position, (name, study) in enumerate(studies.items()):
        left_s = clock.left_s / (len(studies) - position)
        report[name] = study(answer, limits_of(options, left_s))
    return PhaseResult(CompiledPhase(graph, schedule, target.toml), report)


def _tiling(placed: Placed, options: Options) -> Json:
    """Return how the phase is cut, and for which schedules the bound is proven."""
    return {
        "tiling": None if placed.tiling is None else asdict(placed.tiling),
        "tried": None if placed.tried is None else asdict(placed.tried),
        "bound_holds_for": "all schedules" if options.chunks == 1 else "this tiling",
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
    tiler = Tiler(whole, whole.target, steps, options.objective, solver, Clock(limits, hooks.stop))
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


def _studies(options: Options, hooks: Hooks) -> dict[str, Callable[[Answer, Limits], Json]]:
    """Return what is asked of each phase beside its schedule, by key of the report."""
    found: dict[str, Callable[[Answer, Limits], Json]] = {}
    if options.pareto is not None:
        found["pareto"] = lambda answer, limits: _front(answer, limits, options, hooks)
    if options.sensitivity:
        found["sensitivity"] = lambda answer, limits: sensitivity(answer, limits, hooks.stop)
    return found


def _front(answer: Answer, limits: Limits, options: Options, hooks: Hooks) -> Json:
    problem, start = answer.posed.problem, answer.solution.assignment
    points, within = options.pareto or LEAST_POINTS, options.objective
    front = pareto(problem, points, within=within, limits=limits, start=start, stop=hooks.stop)
    return front_json(problem, front)


def _baselines(whole: Priced, steps: int) -> Json:
    """Return the whole phase on single devices, and which of them is the all-GPU mapping.

    Where the target has no GPU, that is the default one.
    """
    found = single_device_baselines(whole.posed)
    own = next((device.name for device in whole.target.devices if device.kind == "gpu"), None)
    if own is not None:
        return {"baselines": found, "all_gpu": own}
    gpu = load_target("gpu")
    alone = Priced.of(whole.graph, gpu, steps)
    found[gpu.name] = next(iter(single_device_baselines(alone.posed).values()))
    return {"baselines": found, "all_gpu": gpu.name}
