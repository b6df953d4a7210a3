import pytest

from benchmarks.partitioner.generators import layered
from hptc.partition.bounds import lp
from hptc.partition.bounds.loads import Relaxation
from hptc.partition.bounds.lp import solved
from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.relax import paced
from hptc.partition.check import check
from hptc.partition.decode import to_assignment
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Limits
from hptc.partition.prepare import prepare
from hptc.partition.search import Incumbent
from hptc.partition.seeds.cuts import cut_choices
from hptc.partition.seeds.heuristics import seeds
from hptc.partition.seeds.paced import plant_paced

HORIZON_NS = 10**8


@pytest.fixture(scope="module")
def instance() -> Instance:
    return prepare(layered(120, seed=1, ccr=0.1))


def least_ns(relaxed: Relaxation) -> int:
    relaxed.minimise_makespan()
    optimum = solved(relaxed.rows, Clock(Limits(work_s=50.0)))
    assert optimum is not None
    return optimum.bound


def test_finer_turns_take_longer(instance: Instance) -> None:
    found = [
        least_ns(paced(instance, HORIZON_NS, [t * turns // 120 for t in range(120)]))
        for turns in (1, 2, 4)
    ]
    assert found[0] < found[1] < found[2]


def test_rounds_keep_the_rules_and_end(instance: Instance) -> None:
    search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=50.0)), None)
    for schedule in seeds(instance):
        search.offer(schedule, "seed")
    rounds: list[float] = []
    plant_paced(search, path_bound(instance), beside=lambda: rounds.append(search.value))
    assert rounds == sorted(rounds, reverse=True)
    check(instance.problem, to_assignment(instance, search.schedule))


def test_a_long_path_leaves_nothing_to_level(instance: Instance) -> None:
    search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=50.0)), None)
    search.offer(next(seeds(instance)), "seed")
    plant_paced(search, int(search.value), beside=lambda: pytest.fail("a round"))


def test_a_program_that_cannot_end_is_not_even_built(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=50.0)), None)
    search.offer(next(seeds(instance)), "seed")
    monkeypatch.setattr(lp, "ENTRIES_S", 1e9)
    monkeypatch.setattr("hptc.partition.seeds.paced.paced", lambda *_: pytest.fail("built"))
    plant_paced(search, 0, beside=lambda: None)


def test_seeds_end_when_told_and_leave_out_slow_devices(instance: Instance) -> None:
    alone = [s.makespan for s in seeds(instance, stop=lambda: True)]
    assert alone == [min(alone)]
    assert alone[0] not in [s.makespan for s in seeds(instance, lambda: alone[0] - 1)]
    assert not list(cut_choices(instance, lambda: True))
