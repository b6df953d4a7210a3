"""Fronts of latency and energy of step graphs, and how far usual placements lie from them.

`python -m benchmarks.objectives [--models DIR] [--only NAMES] [--target T] [--phases P,Q]
[--points N] [--time-limit S | --work-limit S] [--json OUT]` takes the example model and
`bert_tiny` of DIR.
The placements are ordered by the solver, which chooses copies in crossbars too, but their devices
are fixed: all on the GPU; all that crossbars can hold on them and the rest on systolic arrays;
every task where it is fastest. Beside them HEFT, with its own order.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.end_to_end import find_models
from benchmarks.model_folder import FolderModel
from benchmarks.reference import reference_dir
from benchmarks.stamp import write_stamped
from benchmarks.steps import step_problem
from cost_models.load import load_target
from hptc.cli.output import human_gap
from hptc.ir.graph import Phase
from hptc.partition.check import check, energy_pj
from hptc.partition.decode import to_assignment
from hptc.partition.files.figures import front_json, step_json
from hptc.partition.fronts.front import Front
from hptc.partition.fronts.pareto import pareto
from hptc.partition.goal import Objective
from hptc.partition.limits import Limits
from hptc.partition.memory.decode import fitted
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Device, Mode, Problem, Task
from hptc.partition.seeds.heuristics import heft
from hptc.partition.solve import solve

OBJECTIVES = (Objective.LATENCY, Objective.ENERGY, Objective.EDP)
Pick = Callable[[Mode, Device], float]
"""What a placement makes small, mode by mode."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement and its distance from the front: factors of at least about 1."""

    name: str
    latency_ns: int
    energy_nj: float
    latency_ratio: float | None
    """To the fastest point that takes no more energy."""
    energy_ratio: float | None
    """To the most frugal point that is as fast."""
    edp_ratio: float
    """To the least product of the front."""


def placements() -> Iterator[tuple[str, Pick]]:
    yield "all-GPU", lambda _, device: device.name != "gpu"
    yield "ReRAM + systolic", lambda _, device: ("reram", "systolic", "gpu").index(device.name)
    yield "greedy", lambda mode, _: mode.duration_ns


def placed(problem: Problem, pick: Pick) -> Problem:
    """Return the problem in which every task has only the modes that are least by `pick`."""

    def fixed(task: Task) -> Task:
        ranks = [pick(mode, problem.devices[mode.device]) for mode in task.modes]
        kept = (m for m, rank in zip(task.modes, ranks, strict=True) if rank == min(ranks))
        return replace(task, modes=tuple(kept))

    return replace(problem, tasks=tuple(map(fixed, problem.tasks)))


def heft_answer(problem: Problem) -> Assignment | None:
    """Return the checked schedule of HEFT, None where it has none within the memory."""
    instance = prepare(problem)
    schedule = heft(instance)
    within = None if schedule is None else fitted(instance, schedule)
    if within is None:
        return None
    found = to_assignment(instance, within)
    check(problem, found)
    return found


def distance(name: str, latency_ns: int, energy: float, front: Front) -> Placed:
    frugal = [p.latency_ns for p in front.points if p.energy_pj <= energy]
    fast = [p.energy_pj for p in front.points if p.latency_ns <= latency_ns]
    product = min(p.latency_ns * p.energy_pj for p in front.points)
    return Placed(
        name,
        latency_ns,
        energy / 1000,
        latency_ns / min(frugal) if frugal else None,
        energy / min(fast) if fast else None,
        latency_ns * energy / product,
    )


def measure(problem: Problem, points: int, limits: Limits) -> dict[str, Any]:
    """Return objectives, front and placements; an objective has the time of one point."""
    single = limits.within(limits.span_s / points)
    solved = [solve(problem, objective=objective, limits=single) for objective in OBJECTIVES]
    best = min(solved, key=lambda s: s.assignment.makespan_ns).assignment
    front = pareto(problem, points, limits=limits, start=best)
    found = []
    for name, pick in placements():
        fixed = placed(problem, pick)
        answer = solve(fixed, limits=single).assignment
        found.append(distance(name, answer.makespan_ns, energy_pj(fixed, answer), front))
    by_heft = heft_answer(problem)
    if by_heft is not None:
        energy = energy_pj(problem, by_heft)
        found.append(distance("HEFT", by_heft.makespan_ns, energy, front))
    return {
        "tasks": len(problem.tasks),
        "objectives": [step_json(problem, solution) for solution in solved],
        "front": front_json(problem, front),
        "placements": [asdict(item) for item in found],
    }


def show(console: Console, name: str, result: Mapping[str, Any]) -> None:
    title = f"{name}: {result['tasks']} tasks"
    table = Table("front", "latency ns", "energy nJ", "bound nJ", "gap", title=title)
    table.caption = "bound: on the energy of every schedule that is as fast"
    for number, point in enumerate(result["front"]["points"], 1):
        figures = (point["latency_ns"], point["energy_nj"], point["energy_bound_nj"])
        table.add_row(str(number), *(f"{n:,.0f}" for n in figures), human_gap(point["gap"]))
    console.print(table)
    table = Table("objective", "value", "bound", "unit", "gap")
    for found in result["objectives"]:
        numbers = (f"{found[f'objective_{key}']:,.0f}" for key in ("value", "bound"))
        gap = human_gap(found["objective_gap"])
        table.add_row(found["objective"], *numbers, found["objective_unit"], gap)
    console.print(table)
    table = Table("placement", "latency ns", "energy nJ", "latency x", "energy x", "EDP x")
    table.caption = (
        "x: how many times that of the front: of its fastest point that takes no more energy, "
        "of its most frugal one that is as fast, of its least product"
    )
    for row in result["placements"]:
        ratios = (row["latency_ratio"], row["energy_ratio"], row["edp_ratio"])
        table.add_row(
            row["name"],
            f"{row['latency_ns']:,}",
            f"{row['energy_nj']:,.0f}",
            *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=reference_dir("models"))
    parser.add_argument("--only", default="wind,bert_tiny", help="names of models")
    parser.add_argument("--target", default="hybrid")
    parser.add_argument("--phases", default="low,full")
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--time-limit", type=float, default=60.0, help="of a front, in s")
    parser.add_argument("--work-limit", type=float, help="instead, whatever time it takes, in s")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    limits = Limits(time_s=options.time_limit, work_s=options.work_limit)
    console, results = Console(width=120), {}
    wanted, target = options.only.split(","), load_target(options.target)
    models: list[FolderModel] = [m for m in find_models(options.models) if m.path.stem in wanted]
    for model, phase in product(models, map(Phase, options.phases.split(","))):
        problem = step_problem(model, phase, target).problem
        result = measure(problem, options.points, limits)
        name = f"{model.path.stem} {phase.value}"
        results[name] = result
        show(console, name, result)
    if options.json is not None:
        write_stamped(options.json, {"target": options.target, "results": results})


if __name__ == "__main__":
    main()
