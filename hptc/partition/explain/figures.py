"""Explanations as the JSON values that commands print: times in ns, energies in nJ."""

from collections.abc import Sequence
from dataclasses import asdict

from hptc.partition.explain.explain import Bounds, Choice, Explanation, Hop
from hptc.partition.problem import Problem
from hptc.units import PJ_PER_NJ

Json = dict[str, object]
Name = int | str


def choice_json(problem: Problem, choice: Choice, name: Name) -> Json:
    """Return a choice under the names of its problem; energies in nJ."""
    modes = problem.tasks[choice.task].modes

    def place(mode: int) -> Json:
        matrix = modes[mode].matrix
        named = {} if matrix is None else {"matrix": problem.matrices[matrix].name}
        device = problem.devices[modes[mode].device].name
        return {"device": device, **named, "duration_ns": modes[mode].duration_ns}

    return {
        "task": name,
        **place(choice.mode),
        "start_ns": choice.start_ns,
        "end_ns": choice.end_ns,
        "slack_ns": choice.slack_ns,
        "is_critical": choice.slack_ns == 0,
        "alternatives": [
            {
                **place(price.mode),
                "lost_ns": price.lost_ns,
                "lost_nj": None if price.lost_pj is None else price.lost_pj / PJ_PER_NJ,
                "barrier": price.barrier or None,
            }
            for price in choice.alternatives
        ],
    }


def explanation_json(
    problem: Problem, found: Explanation, bounds: Bounds, names: Sequence[Name]
) -> Json:
    """Return an explanation under the names of its problem; `names` are those of the tasks."""
    return {
        "makespan_ns": found.makespan_ns,
        "bounds": asdict(bounds),
        "critical_path": [hop_json(problem, hop, names) for hop in found.critical],
        "loads": [asdict(load) for load in found.loads],
        "crossbars": [asdict(room) for room in found.rooms],
        "tasks": [choice_json(problem, choice, names[choice.task]) for choice in found.choices],
    }


def hop_json(problem: Problem, hop: Hop, names: Sequence[Name]) -> Json:
    """Return a piece of the critical path; a transfer says which task made the value."""
    return {
        "kind": "task" if hop.value is None else "transfer",
        "task": names[hop.task],
        "device": problem.devices[hop.device].name,
        "start_ns": hop.start_ns,
        "end_ns": hop.end_ns,
    }
