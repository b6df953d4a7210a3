"""Tasks that run again where memory binds: against brute force, through files, and refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.partitioner.write import problem_json
from hptc.errors import InfeasibleError, ProblemError, VerifyError
from hptc.partition.check import check, energy_pj
from hptc.partition.files.check_answer import check_answer
from hptc.partition.files.problem import solution_json
from hptc.partition.files.read import read_problem
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.memory.rerun_plan import lightened
from hptc.partition.prepare import prepare
from hptc.partition.problem import (
    Assignment,
    Device,
    Link,
    Mode,
    Placement,
    Problem,
    Rerun,
    Status,
    Task,
    Transfer,
    Value,
)
from hptc.partition.reruns import expanded, without
from hptc.partition.solve import solve
from tests.command_line import hptc
from tests.memory_cases import shortest_within, tight_problems
from tests.partition_cases import brute_steps

QUICK = Limits(time_s=20.0, workers=1)


@st.composite
def again_problems(draw: st.DrawFn) -> Problem:
    """Draw a tight problem of which some tasks may run again."""
    problem = draw(tight_problems())
    makers = {value.src for value in problem.values if value.carried}
    tasks = tuple(
        replace(task, recompute=index not in makers and draw(st.booleans()))
        for index, task in enumerate(problem.tasks)
    )
    return replace(problem, tasks=tasks)


def one_rerun(problem: Problem) -> Iterator[tuple[Rerun, ...]]:
    """Yield no rerun, then each single one for each choice of its readers."""
    yield ()
    for index, task in enumerate(problem.tasks):
        values = [v for v in problem.values if v.src == index and not v.carried]
        readers = sorted({reader for value in values for reader in value.readers})
        if task.recompute:
            sets = (combinations(readers, size) for size in range(1, len(readers) + 1))
            yield from ((Rerun(index, found),) for found in chain.from_iterable(sets))


@settings(max_examples=80)
@given(again_problems())
def test_no_bound_above_what_brute_force_finds(problem: Problem) -> None:
    assume(len(problem.values) < 4 and any(task.recompute for task in problem.tasks))
    steps = {
        step
        for reruns in one_rerun(problem)
        for step in brute_steps(expanded(problem, reruns), shortest_within)
    }
    for objective, column in ((Objective.LATENCY, 0), (Objective.ENERGY, 1)):
        least = min((step[column] for step in steps), default=None)
        try:
            found = solve(problem, objective=objective, limits=QUICK)
        except InfeasibleError as error:
            proven = "no proof" not in str(error)
            assert least is None or not proven
            continue
        check(problem, found.assignment)
        assert found.lower_bound <= found.value
        if least is not None:
            assert found.lower_bound <= least + 1e-6


def bridge(memory: int = 10) -> Problem:
    """Return a chain on one device whose first result is read by its last task too."""
    tasks = tuple(Task(name, (Mode(0, 5, 7),), recompute=name == "a") for name in "abcd")
    values = (Value(0, (1, 3), 6), Value(1, (2,), 4), Value(2, (3,), 4))
    return Problem((Device("x", memory_bytes=memory),), (), tasks, values)


def again(*rows: tuple[int, int], rerun: Rerun) -> Assignment:
    return Assignment(tuple(Placement(0, *row) for row in rows), (), (rerun,))


ANSWER = again((0, 5), (5, 10), (10, 15), (20, 25), (15, 20), rerun=Rerun(0, (3,)))


def test_a_task_runs_again_where_its_result_cannot_stay() -> None:
    check(bridge(), ANSWER)
    found = solve(bridge(), limits=QUICK)
    assert (found.value, found.lower_bound, found.status) == (25, 20, Status.FEASIBLE)
    assert found.assignment == ANSWER
    assert energy_pj(bridge(), found.assignment) == 5 * 7
    never = tuple(replace(task, recompute=False) for task in bridge().tasks)
    with pytest.raises(InfeasibleError, match=r"memory.*a proof that there is none"):
        solve(replace(bridge(), tasks=never), limits=QUICK)
    with pytest.raises(InfeasibleError, match="memory"):
        solve(bridge(9), limits=QUICK)


def test_no_task_runs_again_where_memory_suffices() -> None:
    found = solve(bridge(14), limits=QUICK)
    assert (found.value, found.status, found.assignment.reruns) == (20, Status.OPTIMAL, ())


def test_an_answer_with_reruns_is_where_the_next_search_begins() -> None:
    found = solve(bridge(), limits=QUICK, start=ANSWER)
    assert found.assignment == ANSWER


@pytest.mark.parametrize(
    ("rerun", "message"),
    [
        (Rerun(1, (2,)), "only tasks to recompute run again"),
        (Rerun(9, (3,)), "only tasks to recompute run again"),
        (Rerun(0, (2,)), "a rerun serves readers of its task"),
        (Rerun(0, (4,)), "a rerun serves readers of its task"),
        (Rerun(0, (3, 3)), "one run serves a reader"),
        (Rerun(0, ()), "memory of x"),
    ],
)
def test_the_checker_names_a_rerun_that_cannot_be(rerun: Rerun, message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        check(bridge(), replace(ANSWER, reruns=(rerun,)))


def test_readers_wait_for_the_rerun_that_serves_them() -> None:
    early = again((0, 5), (5, 10), (10, 15), (15, 20), (20, 25), rerun=Rerun(0, (3,)))
    with pytest.raises(VerifyError, match="d not before 25"):
        check(bridge(14), early)


def test_a_rerun_shares_the_device_of_its_task_and_its_results_are_sent_anew() -> None:
    """The value lies on the first device while the rerun makes it for the second."""
    devices = (Device("x", memory_bytes=6), Device("y", memory_bytes=12))
    tasks = (
        Task("a", (Mode(0, 1), Mode(1, 1)), recompute=True),
        Task("b", (Mode(1, 1),)),
        Task("c", (Mode(1, 1),)),
    )
    values = (Value(0, (1, 2), 6), Value(1, (2,), 1))
    problem = Problem(devices, (Link(0, 1, 6.0, 0), Link(1, 0, 6.0, 0)), tasks, values)
    placements = tuple(Placement(0, *row) for row in ((0, 1), (2, 3), (4, 5), (2, 3)))
    sent = (Transfer(0, 0, 1, 2), Transfer(2, 0, 3, 4))
    answer = Assignment(placements, sent, (Rerun(0, (2,)),))
    check(problem, answer)
    moved = (*placements[:3], Placement(1, 2, 3))
    with pytest.raises(VerifyError, match="groups share a device"):
        check(problem, replace(answer, placements=moved, transfers=sent[:1]))


def test_reruns_that_serve_reruns_are_left_out_one_by_one() -> None:
    tasks = tuple(replace(task, recompute=True) for task in bridge().tasks)
    problem = replace(bridge(), tasks=tasks)
    both = (Rerun(0, (5,)), Rerun(1, (2,)))
    values = expanded(problem, both).values
    assert [value.readers for value in values] == [(1, 3), (), (3,), (5,), (2,)]
    assert without(problem, both, 0) == (Rerun(1, (2,)),)
    assert without(problem, both, 1) == (Rerun(0, ()),)


def test_plans_that_lead_nowhere_come_to_an_end() -> None:
    """Whichever of "b" and "c" runs last, "a" and both results lie there: too much, each time."""
    tasks = tuple(Task(name, (Mode(0, 1),), recompute=True) for name in "abcde")
    values = (Value(0, (1, 2, 4), 3), Value(1, (3,), 6), Value(2, (3, 4), 2), Value(3, (4,), 1))
    instance = prepare(Problem((Device("x", memory_bytes=9),), (), tasks, values))
    assert lightened(instance, [0] * 5, instance.order, Clock(QUICK)) is None


def test_answers_with_reruns_survive_their_files(tmp_path: Path) -> None:
    path, told = tmp_path / "bridge.json", tmp_path / "answer.json"
    path.write_text(json.dumps(problem_json(bridge())))
    done = hptc("solve", path, "--time-limit", "3", "--json")
    assert done.code == 0, done.err
    told.write_text(done.out)
    rows = json.loads(done.out)["assignment"]
    assert [(row["task"], row.get("run"), row.get("serves")) for row in rows] == [
        *((task, None, None) for task in range(4)),
        (0, 2, [3]),
    ]
    assert hptc("solve", path, "--check", told).code == 0
    rows[-1]["serves"] = [{"task": 0, "run": 2}]
    told.write_text(json.dumps({"assignment": rows, "transfers": []}))
    broken = hptc("solve", path, "--check", told)
    assert (broken.code, "serves readers of its task" in broken.err) == (1, True)


@settings(max_examples=40)
@given(again_problems(), st.data())
def test_any_answer_with_reruns_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, problem: Problem, data: st.DataObject
) -> None:
    reruns = data.draw(st.sampled_from(list(one_rerun(problem))))
    whole = expanded(problem, reruns)
    free = replace(whole, devices=tuple(replace(d, memory_bytes=None) for d in whole.devices))
    try:
        found = solve(free, limits=QUICK)
    except InfeasibleError:
        return
    answer = replace(found.assignment, reruns=reruns)
    roomy = replace(problem, devices=free.devices)
    folder = tmp_path_factory.mktemp("answers")
    (folder / "problem.json").write_text(json.dumps(problem_json(roomy)))
    read = read_problem(folder / "problem.json")
    told = solution_json(read, replace(found, assignment=answer, lower_bound_ns=0))
    (folder / "answer.json").write_text(json.dumps(told))
    assert check_answer(read, folder / "answer.json") == answer


def test_what_makes_a_carried_value_does_not_run_again(tmp_path: Path) -> None:
    carried = (*bridge().values, Value(0, (1,), 1, carried=True))
    with pytest.raises(ProblemError, match="no carried value of a task to recompute"):
        solve(replace(bridge(), values=carried))
    path = tmp_path / "bad.json"
    data = problem_json(bridge())
    data["tasks"][0]["recompute"] = "yes"
    path.write_text(json.dumps(data))
    done = hptc("solve", path)
    assert (done.code, "recompute: expected true or false" in done.err) == (3, True)
