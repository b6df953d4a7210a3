"""The checker accepts good answers and names the rule that a bad one breaks."""

from dataclasses import replace

import pytest

from hptc.errors import VerifyError
from hptc.partition.check import check, energy_pj
from hptc.partition.problem import (
    Assignment,
    Device,
    Link,
    Matrix,
    Mode,
    Placement,
    Problem,
    Task,
    Transfer,
    Value,
    Write,
)

PROBLEM = Problem(
    devices=(Device("gpu", None, 2.0), Device("reram", 4)),
    links=(Link(0, 1, 2.0, 1, 0.5), Link(1, 0, 2.0, 1)),
    tasks=(
        Task("a", (Mode(0, 3, 10),)),
        Task("b", (Mode(0, 5, 10), Mode(1, 2, 1, 0))),
        Task("c", (Mode(1, 4, 1, 1), Mode(1, 4, 1, 2))),
    ),
    values=(Value(0, (1, 2), 4), Value(2, (0,), 2, carried=True)),
    matrices=(Matrix("w0", 1, 2), Matrix("w1", 1, 2), Matrix("w2", 1, 3)),
)
GOOD = Assignment(
    placements=(Placement(0, 2, 5), Placement(1, 8, 10), Placement(0, 8, 12)),
    transfers=(Transfer(1, 1, 0, 2), Transfer(0, 0, 5, 8)),
)


def test_a_good_answer_passes_and_has_its_energy() -> None:
    check(PROBLEM, GOOD)
    assert energy_pj(PROBLEM, GOOD) == 10 + 1 + 1 + 4 * 0.5 + 2.0 * 12


def test_what_is_written_takes_time_and_energy_once() -> None:
    written = Write(1, 3, 7), Write(0, 50, 70)
    values = (replace(PROBLEM.values[0], writes=written), PROBLEM.values[1])
    problem = replace(PROBLEM, values=values)
    with pytest.raises(VerifyError, match="transfer duration"):
        check(problem, GOOD)
    late = (Placement(0, 2, 5), Placement(1, 11, 13), Placement(0, 11, 15))
    answer = Assignment(late, (GOOD.transfers[0], Transfer(0, 0, 5, 11)))
    check(problem, answer)
    assert energy_pj(problem, answer) == energy_pj(PROBLEM, GOOD) + 7 + 2.0 * 3


def _placed(task: int, *placement: int) -> Assignment:
    placements = list(GOOD.placements)
    placements[task] = Placement(*placement)
    return replace(GOOD, placements=tuple(placements))


def _sent(*transfers: Transfer) -> Assignment:
    return replace(GOOD, transfers=transfers)


CARRIED, SENT = GOOD.transfers


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (replace(GOOD, placements=GOOD.placements[:2]), "one placement per task"),
        (_placed(0, 7, 2, 5), "known mode"),
        (_placed(0, 0, -3, 0), "no start before 0"),
        (_placed(0, 0, 2, 6), "task duration"),
        (_placed(1, 0, 4, 9), "one task at a time on gpu"),
        (_placed(2, 1, 8, 12), "crossbar capacity of reram"),
        (_placed(1, 1, 7, 9), "readers wait for values"),
        (_placed(0, 0, 1, 4), "readers wait for values"),
        (_sent(CARRIED), "readers have their values"),
        (_sent(CARRIED, replace(SENT, end_ns=9)), "transfer duration"),
        (_sent(CARRIED, replace(SENT, link=1)), "transfers leave the device of the source"),
        (_sent(CARRIED, replace(SENT, start_ns=4, end_ns=7)), "a transfer starts after its source"),
        (_sent(CARRIED, SENT, SENT), "one transfer per value and device"),
        (_sent(CARRIED, replace(SENT, value=9)), "known transfer"),
    ],
)
def test_a_bad_answer_is_named(answer: Assignment, rule: str) -> None:
    with pytest.raises(VerifyError, match=rule):
        check(PROBLEM, answer)


def test_links_carry_one_transfer_at_a_time() -> None:
    problem = replace(PROBLEM, values=(Value(0, (1,), 4), Value(0, (2,), 4)))
    together = _sent(Transfer(0, 0, 5, 8), Transfer(1, 0, 5, 8))
    with pytest.raises(VerifyError, match="one transfer at a time on gpu->reram"):
        check(problem, together)


def test_a_transfer_without_a_reader_is_refused() -> None:
    answer = Assignment(
        (Placement(0, 2, 5), Placement(0, 5, 10), Placement(0, 0, 4)), (CARRIED, SENT)
    )
    problem = replace(PROBLEM, values=(Value(0, (1,), 4), PROBLEM.values[1]))
    with pytest.raises(VerifyError, match="a transfer has a reader"):
        check(problem, answer)


def test_nothing_runs_inside_another_task_even_without_length() -> None:
    problem = Problem((Device("d"),), (), (Task("a", (Mode(0, 9),)), Task("z", (Mode(0, 0),))), ())
    check(problem, Assignment((Placement(0, 0, 9), Placement(0, 0, 0)), ()))
    with pytest.raises(VerifyError, match="one task at a time"):
        check(problem, Assignment((Placement(0, 0, 9), Placement(0, 4, 4)), ()))
