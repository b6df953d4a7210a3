"""`hptc solve`: the partitioner alone, on a bare task graph."""

from pathlib import Path
from typing import Annotated

import typer

from hptc.cli.arguments import AsJson
from hptc.cli.guard import guarded, warn
from hptc.cli.output import human_time, new_table, print_json, print_table


@guarded
def solve_problem(
    problem: Annotated[Path, typer.Argument(help="A .json task graph or an .stg file.")],
    processors: Annotated[
        int | None, typer.Option(help="Number of identical processors, for .stg.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="In s.")] = 10.0,
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Place and order the tasks of a bare graph for the least makespan, with a proven bound."""
    from hptc.partition.file_problem import solution_json
    from hptc.partition.files import read_problem
    from hptc.partition.limits import Limits
    from hptc.partition.solve import solve

    limits = Limits(time_s=time_limit, gap=gap, seed=seed)
    read = read_problem(problem, processors=processors)
    solution = solve(read.problem, limits=limits)
    if as_json:
        print_json(solution_json(read, solution))
        return
    table = new_table(problem.name, "makespan", "bound", "gap", "status", "wall")
    table.add_row(
        human_time(solution.assignment.makespan_ns),
        human_time(solution.lower_bound_ns),
        f"{solution.gap:.2%}",
        solution.status.value,
        f"{solution.wall_s:.2f} s",
    )
    print_table(table)
    if solution.gap > 0:
        warn("best found in the time given, not proven optimal")
