"""What an answer tells of a front of latency and energy, held against what it is."""

from itertools import pairwise
from typing import Any

from hptc.errors import VerifyError
from hptc.partition.check import check, check_limits, energy_pj
from hptc.partition.check_busy import broken
from hptc.partition.files.answer import read_assignment
from hptc.partition.files.figures import tasks_by_device
from hptc.partition.files.json_reader import Reader
from hptc.partition.files.problem import FileProblem
from hptc.partition.files.told import CLOSE, Told
from hptc.partition.goal import Objective
from hptc.partition.problem import Assignment
from hptc.units import PJ_PER_NJ

Reached = tuple[int, float]
"""Latency in ns and energy in nJ of a schedule."""


def check_front(
    reader: Reader,
    top: dict[str, Any],
    file_problem: FileProblem,
    found: Assignment,
    within: Objective,
) -> None:
    """Check the points of a front, each of which is a schedule; an answer need not have one.

    Args:
        reader: Of the answer.
        top: The answer as it was read.
        file_problem: What it answers.
        found: Its own assignment, which keeps every rule.
        within: Limits that the points have to keep besides those that the answer tells.

    Raises:
        ProblemError: the front or one of its points does not have their form.
        VerifyError: a point breaks a rule, tells a wrong figure, or is beaten by another; or a
            bound is above a schedule of the answer.
    """
    if top.get("pareto") is None:
        return
    front = reader.record("pareto", top["pareto"], ("points",))
    points = reader.array("pareto: points", front["points"])
    limits = {key: top.get(key) for key in ("latency_limit_ns", "energy_limit_nj")}
    reached = []
    for i, raw in enumerate(points):
        own = Reader(f"{reader.path}: pareto: point {i}")
        try:
            reached.append(_check_point(own, limits, raw, file_problem, within))
        except VerifyError as error:
            raise VerifyError(
                f"point {i}: {error.where}", expected=error.expected, found=error.found
            ) from None
    _check_order(reached)
    answer = found.makespan_ns, energy_pj(file_problem.problem, found) / PJ_PER_NJ
    for time_ns, _ in (answer, *reached):
        Told(reader, front).check_bound("latency_bound_ns", "latency", time_ns)
    if front.get("is_complete") and not any(_is_beaten(answer, point) for point in reached):
        raise broken("a complete front has all that is best", "a point as good as", answer)
    for raw, (time_ns, _) in zip(points, reached, strict=True):
        if answer[0] <= time_ns:  # the bound of the point is on the answer too
            Told(reader, raw).check_bound("energy_bound_nj", "energy", answer[1])


def _check_point(
    reader: Reader,
    limits: dict[str, Any],
    raw: object,
    file_problem: FileProblem,
    within: Objective,
) -> Reached:
    """Check one point, and return what it reaches."""
    problem = file_problem.problem
    found = read_assignment(reader, "the point", raw, file_problem)
    check(problem, found)
    check_limits(problem, found, within)
    told = Told(reader, reader.record("the point", raw, ("latency_ns", "energy_nj")) | limits)
    reached = found.makespan_ns, energy_pj(problem, found) / PJ_PER_NJ
    for key, limit, value in zip(("latency_ns", "energy_nj"), limits, reached, strict=True):
        told.check_equal(key, value)
        told.check_limit(limit, value)
    told.check_bound("energy_bound_nj", "energy", reached[1])
    told.check_gap("gap", reached[1], "energy_bound_nj")
    tasks = tasks_by_device(problem, found)
    if told.top.get("tasks", tasks) != tasks:
        raise broken("tasks by device are those of the assignment", tasks, told.top["tasks"])
    return reached


def _is_beaten(answer: Reached, point: Reached) -> bool:
    """Return whether a point is at least as good as the answer."""
    return point[0] <= answer[0] and point[1] <= answer[1] * (1 + CLOSE)


def _check_order(reached: list[Reached]) -> None:
    for i, (fast, slow) in enumerate(pairwise(reached), 1):
        if not (fast[0] < slow[0] and fast[1] > slow[1]):
            wanted = "points that take longer and less energy one after the other"
            raise broken("no point of a front beats another", wanted, f"{slow} after {fast} at {i}")
