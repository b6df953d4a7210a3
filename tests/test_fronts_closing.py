"""What questions between the points of a front find, against brute force."""

import pytest
from hypothesis import assume, given, settings

from hptc.partition.check import energy_pj
from hptc.partition.fronts.archive import Archive
from hptc.partition.fronts.caps import Caps
from hptc.partition.fronts.closing import Closing, may_close
from hptc.partition.fronts.frontiers import nothing_proven
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem
from hptc.partition.solve import solve
from tests.partition_cases import brute_front, problems

QUICK = Limits(time_s=20.0, workers=1)
NEAR_PJ = 1e-6


@settings(max_examples=20)
@given(problems())
def test_questions_complete_a_front_from_any_schedule(problem: Problem) -> None:
    wanted, instance = brute_front(problem), prepare(problem)
    assume(wanted and may_close(instance))
    archive, proven = Archive(Objective.LATENCY, 100), nothing_proven(instance)
    any_one = solve(problem, limits=QUICK).assignment
    archive.note(any_one, energy_pj(problem, any_one))
    Closing(instance, Objective.LATENCY, 100, archive, proven).run(Clock(QUICK))
    assert [point.latency_ns for point in archive.points] == [time for time, _ in wanted]
    caps = Caps(proven)
    assert proven.bound_ns <= wanted[0][0]
    for point, (time_ns, energy) in zip(archive.points, wanted, strict=True):
        assert point.energy_pj == pytest.approx(energy)
        assert caps.bound_pj(time_ns) == pytest.approx(energy, rel=1e-5, abs=0.002)
        assert caps.bound_pj(time_ns) <= energy + NEAR_PJ
