"""Solving a partition problem: the ladder from seeds to proof."""

import math
from collections.abc import Callable
from dataclasses import replace

from hptc.partition.bounds.loads import work_bound
from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.pool import pool_bound
from hptc.partition.bounds.priced import plant_priced
from hptc.partition.bounds.rounding import Relaxing
from hptc.partition.bounds.segments import SegmentBound
from hptc.partition.check import check
from hptc.partition.decode import Schedule
from hptc.partition.fronts.frontiers import Proven
from hptc.partition.fronts.proofs import Proofs
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Limits, Progress
from hptc.partition.memory.recompute import may_rerun, solve_with_reruns
from hptc.partition.objective import fits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Problem, Solution
from hptc.partition.replay import from_assignment
from hptc.partition.restrict import search_sets
from hptc.partition.sat.pool import is_pool, prove_pool
from hptc.partition.search import Incumbent, Seen
from hptc.partition.seeds.paced import plant_paced
from hptc.partition.seeds.plant import plant, plant_repeats
from hptc.partition.unreached import unreached
from hptc.partition.whole import prove_whole, take_turns
from hptc.partition.windows.improve import improve

LP_SHARE = 0.3
"""Share of the time limit until which the search waits for the relaxation."""
SEGMENTS_SHARE = 0.8
"""Share of the time left in which the bound from segments asks CP-SAT."""
EXACT_TASKS = 80
"""Up to here the whole problem goes to CP-SAT at once."""

DEFAULT_LIMITS = Limits()


def solve(
    problem: Problem,
    *,
    objective: Objective = Objective.LATENCY,
    limits: Limits = DEFAULT_LIMITS,
    start: Assignment | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Solution:
    """Place, order and connect the tasks of a problem.

    Args:
        problem: tasks, devices, links and values.
        objective: what is minimised, and the limits that are kept.
        limits: when to stop; the time covers the bound.
        start: an assignment to begin with; the answer is no worse.
        progress: called on every better solution.
        stop: polled; True ends the solve with what there is.

    Returns:
        A checked solution. After Ctrl-C, the best one known at that moment.

    Raises:
        InfeasibleError: no choice of devices, or no schedule, keeps the constraint it names.
        ProblemError: the problem contradicts itself.
        TimeLimitError: the time passed before the first solution within the limits.
        VerifyError: `start` breaks a rule of the problem.
    """
    return solve_part(problem, Clock(limits, stop), objective, start=start, progress=progress)


def solve_part(  # noqa: PLR0913  (what several solves of a problem share, and what `solve` is given)
    problem: Problem,
    clock: Clock,
    objective: Objective,
    *,
    start: Assignment | None = None,
    proven: Proven | None = None,
    seen: Seen | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Solution:
    """Solve as `solve` does, as one of several solves of a problem.

    Args:
        problem: As for `solve`.
        clock: That of this solve alone.
        objective: As for `solve`.
        start: As for `solve`.
        proven: What other solves of the problem proved; gains what this one proves.
        seen: Called with schedules that are come across, good or not, and their energies in pJ; not
            with those of problems whose tasks may run again.
        progress: As for `solve`.

    Raises:
        As `solve`.
    """
    instance = prepare(problem)
    clock = clock.sparing(clock.wall_s)  # the check of the answer takes about as long
    if start is not None:
        check(problem, start)
    if may_rerun(instance):
        return solve_with_reruns(
            instance, objective, clock, _solve, start=start, proven=proven, progress=progress
        )
    known = None if start is None else from_assignment(instance, start)
    search = _solve(
        instance, objective, clock, known=known, proven=proven, seen=seen, progress=progress
    )
    return search.solution()


def _solve(  # noqa: PLR0913  (what `solve` was given)
    instance: Instance,
    objective: Objective,
    clock: Clock,
    *,
    known: Schedule | None = None,
    proven: Proven | None = None,
    seen: Seen | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Incumbent:
    """Search stage by stage: first schedules within the limits, then the best of them."""
    for goal, limit in objective.stages():
        own = _until(clock, limit)
        search = Incumbent(instance, goal, own, progress, proven=proven, enough=limit, seen=seen)
        _reach(search, known)
        known, proven = search.schedule, search.proven
    return search


def _until(clock: Clock, limit: float | None) -> Clock:
    """Return the clock of a stage; one that has a limit to reach ignores the wanted gap."""
    return clock if limit is None else replace(clock, limits=replace(clock.limits, gap=0.0))


def _reach(search: Incumbent, known: Schedule | None) -> None:
    """Search from a known schedule; raise an error where a limit to reach is not reached."""
    limit = math.inf if search.enough is None else search.enough
    if known is not None:
        search.offer(known, "start")
    try:
        if not search.is_good_enough:
            _climb(search)
    except KeyboardInterrupt:
        if search.best is None or search.value > limit:
            raise
        search.was_interrupted = True
    if search.value > limit:
        raise unreached(search, limit)


def _climb(search: Incumbent) -> None:
    """Go up the ladder until the gap closes or the time is over."""
    instance = search.instance
    pooled = is_pool(instance, search.objective)
    paths_ns = path_bound(instance)
    loads_ns = pool_bound(instance) if pooled else work_bound(instance)
    search.raise_bound(0, max(paths_ns, loads_ns))
    plant(search)
    if search.is_done:
        return
    is_small = fits(instance, search.objective, search.schedule.makespan)
    if pooled and is_small:
        take_turns(search, prove_pool)
        return
    is_whole = instance.tasks <= EXACT_TASKS
    plant_priced(search, paths_ns)
    relaxed = Relaxing(search, paths_ns)
    if not is_whole:
        plant_repeats(search, beside=lambda: relaxed.is_running)
        plant_paced(search, paths_ns, beside=lambda: relaxed.collect(0.0))
    if not is_small:
        relaxed.join(())
        relaxed.collect(search.clock.left_s)
        return
    if is_whole or not search.objective.is_makespan:
        relaxed.collect(LP_SHARE * search.clock.limits.span_s - search.clock.elapsed_s)
    if search.is_done:
        return
    if is_whole:
        prove_whole(search, relaxed)
    else:
        _improve(search, relaxed)


def _improve(search: Incumbent, relaxed: Relaxing) -> None:
    """Improve windows of the incumbent while the bounds are computed beside."""
    clock, parts = search.clock, search.clock.limits.parts
    share = SEGMENTS_SHARE if parts.segments else 0.0
    segments = SegmentBound(search.instance, clock, share * clock.left_s)
    proofs = Proofs(search)

    def take() -> None:
        relaxed.collect(0.0)
        search.raise_bound(0, segments.found.bound_ns)

    def collect() -> int:
        take()
        if not segments.is_running:
            relaxed.join(segments.found.stretches)
        if clock.counts_work or not (relaxed.is_running or segments.is_running):
            proofs.collect()
        return relaxed.is_running + segments.is_running + proofs.is_running

    try:
        if parts.sets and not search.objective.is_makespan:
            goal = search.objective
            search_sets(
                search,
                lambda part, own, known: _solve(part, goal, own, proven=known).schedule,
            )
            collect()
        if parts.windows:
            improve(search, clock.limits.span_s, beside=collect)
        else:
            segments.wait()
            collect()
            relaxed.collect(clock.left_s)
            proofs.exhaust()
    finally:
        proofs.end()
        segments.end()
        take()
