"""What an archive keeps of the schedules that it is shown."""

from hypothesis import given
from hypothesis import strategies as st

from hptc.partition.fronts.archive import Archive
from hptc.partition.goal import Objective
from hptc.partition.problem import Assignment, Placement

SHOWN = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20)


def kept(shown: list[tuple[int, int]], within: Objective, most: int) -> list[tuple[int, float]]:
    archive = Archive(within, most)
    for latency_ns, energy_pj in shown:
        archive.note(Assignment((Placement(0, 0, latency_ns),), ()), energy_pj)
    return [(point.latency_ns, point.energy_pj) for point in archive.points]


@given(SHOWN, st.integers(4, 9))
def test_an_archive_keeps_what_nothing_within_the_limits_beats(
    shown: list[tuple[int, int]], limit: int
) -> None:
    within = Objective(Objective.LATENCY.measure, latency_limit_ns=limit, energy_limit_pj=8)
    good = {(time, energy) for time, energy in shown if time <= limit and energy <= 8}
    front = [
        one for one in good if not any(o != one and o[0] <= one[0] and o[1] <= one[1] for o in good)
    ]
    assert kept(shown, within, 20) == sorted(front)


@given(SHOWN)
def test_a_full_archive_keeps_its_ends(shown: list[tuple[int, int]]) -> None:
    every, few = (kept(shown, Objective.LATENCY, most) for most in (20, 3))
    assert len(few) <= 3
    assert (few[:1], few[-1:]) == (every[:1], every[-1:])
