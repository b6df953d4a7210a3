"""`hptc solve`: the partitioner alone, on a bare task graph."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hptc.cli.arguments import AsJson
from hptc.cli.guard import guarded, warn
from hptc.cli.output import human_time, new_table, print_json, print_table, say

if TYPE_CHECKING:
    from hptc.partition.file_problem import FileProblem


@guarded
def solve_problem(
    problem: Annotated[Path, typer.Argument(help="A task graph: .json, .stg, .graphml or .dot.")],
    processors: Annotated[
        int | None, typer.Option(help="Number of identical processors, for .stg.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="In s.")] = 10.0,
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    check: Annotated[
        Path | None,
        typer.Option(help="Solve nothing: check this answer, as --json printed one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Place and order the tasks of a bare graph for the least makespan, with a proven bound."""
    from hptc.partition.file_problem import solution_json
    from hptc.partition.files import read_problem
    from hptc.partition.limits import Limits
    from hptc.partition.solve import solve

    limits = Limits(time_s=time_limit, gap=gap, seed=seed)
    read = read_problem(problem, processors=processors)
    if check is not None:
        _check(read, check, as_json=as_json)
        return
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


def _check(problem: "FileProblem", answer: Path, *, as_json: bool) -> None:
    """Say whether an answer keeps every rule; exit code 1 if it does not."""
    from hptc.errors import VerifyError
    from hptc.partition.answer import check_answer

    try:
        makespan = check_answer(problem, answer).makespan_ns
    except VerifyError as error:
        if not as_json:
            raise
        print_json({"ok": False, "broken": str(error)})
        raise typer.Exit(VerifyError.exit_code) from None
    if as_json:
        print_json({"ok": True, "makespan_ns": makespan})
    else:
        say(f"{answer}: keeps every rule, makespan {human_time(makespan)}")
