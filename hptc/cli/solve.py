"""`hptc solve`: the partitioner alone, on a bare task graph."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hptc.cli.arguments import AsJson, WorkLimit
from hptc.cli.explain import print_explanation
from hptc.cli.guard import guarded, warn
from hptc.cli.objective import (
    EnergyLimit,
    LatencyLimit,
    Objective,
    Pareto,
    parse_energy,
    parse_time,
    print_front,
    say_objective,
)
from hptc.cli.output import human_gap, human_time, new_table, print_json, print_table, say
from hptc.cli.period import refuse_beside_period, solve_steady

if TYPE_CHECKING:
    from hptc.partition.files.problem import FileProblem
    from hptc.partition.goal import Objective as Goal
    from hptc.partition.limits import Clock
    from hptc.partition.problem import Solution

ENDS_SHARE = 0.03
"""Share of the time limit for what no clock sees: the interpreter's start and end."""


@guarded
def solve_problem(
    context: typer.Context,
    problem: Annotated[Path, typer.Argument(help="A task graph: .json, .stg, .graphml or .dot.")],
    processors: Annotated[
        int | None, typer.Option(help="Number of identical processors, for .stg.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Of the whole command, in s.")] = 10.0,
    work_limit: WorkLimit = None,
    objective: Objective = "latency",
    latency_limit: LatencyLimit = None,
    energy_limit: EnergyLimit = None,
    pareto: Pareto = None,
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    check: Annotated[
        Path | None,
        typer.Option(help="Solve nothing: check this answer, as --json printed one."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also tell what each task would cost elsewhere, and what is tight."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Place and order the tasks of a bare graph as the objective says, with a proven bound."""
    started = context.obj or time.monotonic()
    from hptc.partition.files.problem import solution_json
    from hptc.partition.files.read import read_problem
    from hptc.partition.fronts.front import check_points
    from hptc.partition.goal import Measure, parse_objective
    from hptc.partition.limits import Clock, Limits

    goal = parse_objective(
        objective,
        latency_limit_ns=parse_time("--latency-limit", latency_limit),
        energy_limit_nj=parse_energy("--energy-limit", energy_limit),
    )
    points = None if pareto is None else check_points(pareto)
    limits = Limits(time_s=time_limit, gap=gap, seed=seed, work_s=work_limit)
    clock = Clock(limits, started=started)
    before_s = clock.wall_s
    read = read_problem(problem, processors=processors)
    if check is not None:
        _check(read, check, goal, as_json=as_json)
        return
    writing_s = clock.wall_s - before_s  # no slower than reading
    clock = clock.sparing(writing_s + ENDS_SHARE * limits.span_s)
    if goal.measure is Measure.PERIOD:
        refuse_beside_period({"--pareto": pareto is not None, "--explain": explain})
        solve_steady(problem.name, read, clock, as_json=as_json)
        return
    solution, figures = _solved(problem.name, read, goal, clock, points)
    if work_limit is not None:
        figures["wall_s"] = None
    if explain:
        figures["explain"] = _explained(read, solution)
    if as_json:
        print_json(solution_json(read, solution) | figures)
        return
    _print(problem.name, solution, figures)


def _solved(
    name: str, read: "FileProblem", goal: "Goal", clock: "Clock", points: int | None
) -> tuple["Solution", dict[str, Any]]:
    """Solve a problem, and find its front of so many points (None: no front) in half of the time.

    Returns:
        The answer, and its figures and those of the front as JSON values.
    """
    from hptc.cli.watch import SolverWatch
    from hptc.partition.files.figures import front_json, step_json
    from hptc.partition.files.problem import assignment_json
    from hptc.partition.fronts.pareto import pareto
    from hptc.partition.solve import solve

    problem, limits = read.problem, clock.rest  # after the imports
    share = limits if points is None else limits.within(limits.span_s / 2)
    with SolverWatch(f"solving {name}", limits) as watch:
        solution = solve(
            problem,
            objective=goal,
            limits=share,
            progress=lambda seen: watch.show(name, seen),
            stop=watch.is_stopped,
        )
        figures: dict[str, Any] = step_json(problem, solution)
        if points is not None:
            start, stop = solution.assignment, watch.is_stopped
            front = pareto(problem, points, within=goal, limits=share, start=start, stop=stop)
            figures["pareto"] = front_json(problem, front, partial(assignment_json, read))
    return solution, figures


def _print(name: str, solution: "Solution", figures: Mapping[str, Any]) -> None:
    from hptc.partition.files.figures import finite
    from hptc.partition.problem import relative_gap

    taken_ns, bound_ns = solution.assignment.makespan_ns, solution.lower_bound_ns
    table = new_table(name, "makespan", "bound", "gap", "status", "wall")
    table.add_row(
        human_time(taken_ns),
        human_time(bound_ns),
        human_gap(finite(relative_gap(taken_ns, bound_ns)), 2),
        solution.status.value,
        f"{solution.wall_s:.2f} s",
    )
    print_table(table)
    say_objective(name, figures)
    if solution.assignment.reruns:
        say(f"{name}: {len(solution.assignment.reruns)} tasks run again, to save memory")
    if "pareto" in figures:
        print_front(name, figures["pareto"])
    if "explain" in figures:
        print_explanation(figures["explain"])
    if solution.gap > 0:
        warn("best found in the time given, not proven optimal")


def _explained(read: "FileProblem", solution: "Solution") -> dict[str, object]:
    from hptc.partition.bounds.sources import bounds_by_source
    from hptc.partition.explain.explain import Explainer
    from hptc.partition.explain.figures import explanation_json

    runs = read.runs(solution.assignment.reruns)
    found = Explainer(runs.problem, solution.assignment).whole()
    bounds = bounds_by_source(read.problem, found.makespan_ns)
    return explanation_json(runs.problem, found, bounds, runs.ids)


def _check(problem: "FileProblem", answer: Path, objective: "Goal", *, as_json: bool) -> None:
    """Say whether an answer keeps every rule and limit; exit code 1 if it does not."""
    from hptc.errors import VerifyError
    from hptc.partition.files.check_answer import check_answer

    try:
        found = check_answer(problem, answer, objective)
    except VerifyError as error:
        if not as_json:
            raise
        print_json({"ok": False, "broken": str(error)})
        raise typer.Exit(VerifyError.exit_code) from None
    if as_json:
        print_json({"ok": True, "makespan_ns": found.makespan_ns})
    else:
        say(f"{answer}: keeps every rule, makespan {human_time(found.makespan_ns)}")
