"""The search for micro-batches that overlap."""

from collections.abc import Mapping
from dataclasses import replace

from hptc.micro_batches.model import MicroBatched, Overlap
from hptc.partition.bounds.paths import path_bound
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock
from hptc.partition.period.solve import solve_period
from hptc.partition.prepare import prepare
from hptc.partition.problem import Solution, Status
from hptc.partition.seeds.warm import Place, assign, modes_at
from hptc.partition.solve import solve
from hptc.schedule.priced import Priced

PERIOD_SHARE = 0.6
"""Share of the time left for the placement of a micro-batch."""
BOUND_SHARE = 0.4
"""Share of the time left for bounds, where the placement is given."""
LEAST_S = 0.1
"""Least time or work of a solve in s."""


def overlapped(
    micro: MicroBatched, count: int, clock: Clock, start: Mapping[str, Place] | None = None
) -> Overlap:
    """Return micro-batches that overlap, and end as early as is found.

    Args:
        micro: The phase.
        count: Micro-batches of a step.
        clock: Of the search.
        start: Where tasks are tried first, by name.

    Raises:
        InfeasibleError: No steady state within the memory was found.
        TimeLimitError: The time passed before the first one.
    """
    batch, span_s = micro.batch, max(LEAST_S, PERIOD_SHARE * clock.left_s)
    solution = solve_period(
        batch,
        count=count,
        start=None if start is None else modes_at(batch, start),
        limits=clock.limits.within(span_s),
        stop=clock.stop,
    )
    clock.work.add(span_s)
    update = micro.update(solution.periodic.assignment)
    limits = clock.limits.within(max(LEAST_S, clock.left_s))
    updated = solve(update, limits=limits, stop=clock.stop).assignment
    ramp_ns = path_bound(prepare(batch))
    return Overlap(
        *(count, batch, solution.periodic, update, updated),
        period_bound_ns=solution.lower_bound_ns,
        ramp_bound_ns=ramp_ns,
    )


def overlapped_at(
    micro: MicroBatched, count: int, clock: Clock, where: Mapping[str, Place]
) -> Overlap:
    """Return the same with tasks in given places, with bounds for all places there are."""
    span_s = max(LEAST_S, BOUND_SHARE * clock.left_s)
    limits = clock.limits.within(span_s)
    anywhere = solve_period(micro.batch, limits=limits, stop=clock.stop)
    clock.work.add(span_s)
    return replace(
        overlapped(micro.at(where), count, clock),
        period_bound_ns=anywhere.lower_bound_ns,
        ramp_bound_ns=path_bound(prepare(micro.batch)),
    )


def as_one_step(whole: Priced, overlap: Overlap, fastest: Solution) -> Solution:
    """Return a step alone, placed as its micro-batches are, with what is proven of both.

    Args:
        whole: The phase.
        overlap: Its micro-batches.
        fastest: A step that was placed for its latency; taken where the places of the micro-batches
            do not do for a step.
    """
    problem, where = whole.posed.problem, overlap.places
    found = assign(problem, [where[task.name] for task in problem.tasks]) or fastest.assignment
    value, bound = overlap.latency_ns, overlap.latency_bound_ns
    return replace(
        fastest,
        assignment=found,
        objective=Objective.PERIOD,
        value=value,
        lower_bound=bound,
        status=Status.OPTIMAL if value <= bound else Status.FEASIBLE,
    )
