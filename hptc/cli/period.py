"""`hptc solve --objective period`: steps that overlap."""

from typing import TYPE_CHECKING, Any

from hptc.cli.guard import warn
from hptc.cli.output import human_gap, human_time, new_table, print_json, print_table
from hptc.errors import UsageError

if TYPE_CHECKING:
    from hptc.partition.files.problem import FileProblem
    from hptc.partition.limits import Clock


def refuse_beside_period(options: dict[str, bool]) -> None:
    """Raise UsageError for an option that is given, and says nothing of steps that overlap."""
    for option, is_given in options.items():
        if is_given:
            raise UsageError(
                f"--objective period {option}",
                expected="the period alone",
                found=option,
                hint="Leave it out, or choose another objective.",
            )


def solve_steady(name: str, read: "FileProblem", clock: "Clock", *, as_json: bool) -> None:
    """Find the steady state of least period of a problem, and print it."""
    from hptc.cli.watch import SolverWatch
    from hptc.partition.files.problem import periodic_solution_json
    from hptc.partition.period.solve import solve_period

    limits = clock.rest  # after the imports
    with SolverWatch(f"solving {name}", limits) as watch:
        solution = solve_period(
            read.problem,
            limits=limits,
            progress=lambda seen: watch.show(name, seen),
            stop=watch.is_stopped,
        )
    found: dict[str, Any] = periodic_solution_json(read, solution)
    if limits.work_s is not None:
        found["wall_s"] = None
    if as_json:
        print_json(found)
        return
    table = new_table(name, "period", "bound", "gap", "one step", "status", "wall")
    times = (found["period_ns"], found["period_bound_ns"])
    table.add_row(
        *map(human_time, times),
        human_gap(found["gap"], 2),
        human_time(found["makespan_ns"]),
        found["status"],
        f"{solution.wall_s:.2f} s",
    )
    print_table(table)
    if solution.gap > 0:
        warn("best found in the time given, not proven optimal")
