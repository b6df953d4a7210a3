"""Bounds from prices: below every schedule, and close to what a linear program proves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.partitioner.generators import layered
from hptc.partition.bounds import priced
from hptc.partition.bounds.field import PRICE_BITS, Field
from hptc.partition.bounds.lp import solved
from hptc.partition.bounds.priced import Prices, plant_priced
from hptc.partition.bounds.relax import paced
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem
from hptc.partition.search import Incumbent
from hptc.partition.seeds.heuristics import seeds
from tests.partition_cases import brute_force, problems, stretched

ROUNDS = 12


def proven(problem: Problem) -> int:
    prices = Prices(prepare(problem))
    for _ in range(ROUNDS):
        prices.improve()
    return prices.bound_ns


@settings(max_examples=40)
@given(problems())
def test_no_schedule_is_shorter(problem: Problem) -> None:
    assert proven(problem) <= brute_force(problem)[0]


@settings(max_examples=40)
@given(problems(has_matrices=True))
def test_no_schedule_is_shorter_where_matrices_are_read(problem: Problem) -> None:
    assert proven(problem) <= brute_force(problem)[0]


@settings(max_examples=40)
@given(problems())
def test_nor_where_times_are_counted_in_coarser_units(problem: Problem) -> None:
    long = stretched(problem, 10**17)
    time_ns = brute_force(long)[0]
    assert Field(prepare(long)).shift > 0 or time_ns in {0, math.inf}
    assert proven(long) <= time_ns


@settings(max_examples=40)
@given(problems(), st.integers(0, 2**32 - 1))
def test_whatever_messages_say_and_prices_are(problem: Problem, seed: int) -> None:
    """Any prices that add up to 2^20 and any messages prove a bound."""
    instance, rng = prepare(problem), np.random.default_rng(seed)
    field = Field(instance)
    units = np.concatenate([np.array(instance.units), np.ones(field.pairs, dtype=np.int64)])
    prices = rng.integers(0, 100, len(units))
    most = brute_force(problem)[0] * int(prices @ units)
    field.pass_messages(rng.integers(0, 2**PRICE_BITS, len(units)))
    assert field.bound(prices) <= most
    for told in (1e300, np.nan):
        field._down[:] = told
        assert field.bound(prices) <= most


def test_close_to_the_linear_program_and_a_start_for_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = prepare(layered(150, seed=2, ccr=1.0))
    relaxed = paced(instance, 10**9, [0] * instance.tasks)
    relaxed.minimise_makespan()
    optimum = solved(relaxed.rows, Clock(Limits(work_s=50.0)))
    assert optimum is not None
    monkeypatch.setattr(priced, "FEWEST_TASKS", 100)
    search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=1000.0)), None)
    search.offer(next(seeds(instance)), "seed")
    before = search.value
    plant_priced(search, 0)
    assert 0.998 * optimum.bound <= search.bound_ns <= optimum.bound
    assert search.value < before
