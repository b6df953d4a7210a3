from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hptc.errors import UsageError
from hptc.runtime.switch import (
    AtStep,
    Hpt,
    Never,
    Observation,
    Stage,
    SwitchState,
    advance,
    begin,
    closes_window,
    has_settled,
    parse_switch,
    t_test_p_value,
)

RULE = Hpt(window=2)


def settle(rule: Hpt, windows: int, loss: float = 1.0, gain: float = 0.01) -> SwitchState:
    """Feed windows whose mean losses and weight distances shrink slowly, ever more so."""
    state, position = begin(rule), 0.0
    for j in range(windows):
        level = loss - gain * (1 - 0.5**j)
        for _ in range(rule.window):
            weights = None
            if closes_window(state, rule):
                position += 1.0 - 0.001 * (1 - 0.5**j)
                weights = torch.tensor([position], dtype=torch.float64)
            state = advance(state, rule, Observation(level, weights=weights))
    return state


def finish_dual(state: SwitchState, rule: Hpt, offset: float) -> SwitchState:
    for i in range(rule.window):
        state = advance(state, rule, Observation(1.0 + 0.01 * i, 1.0 + 0.01 * i + offset))
    return state


@pytest.mark.parametrize(
    ("text", "policy"),
    [("hpt", Hpt()), ("never", Never()), ("at:0", AtStep(0)), ("at:7", AtStep(7))],
)
def test_policies_parse(text: str, policy: object) -> None:
    assert parse_switch(text) == policy


@pytest.mark.parametrize(
    "text", ["", "HPT", "equivalence", "at", "at:", "at:-1", "at:1.5", "at:1:2"]
)
def test_other_text_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(UsageError, match="`hpt`, `never` or `at:N`"):
        parse_switch(text)


def test_a_window_of_one_step_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 2 steps"):
        parse_switch("hpt", window=1)


def test_three_windows_are_too_few() -> None:
    assert settle(RULE, 3).stage is Stage.FULL


def test_the_earliest_switch_is_four_windows_and_one_of_both() -> None:
    dual = settle(RULE, 4)
    assert (dual.stage, dual.steps, dual.duals) == (Stage.DUAL, 8, 1)
    low = finish_dual(dual, RULE, offset=0.0)
    assert (low.stage, low.steps) == (Stage.LOW, 8)


def test_a_failed_t_test_repeats_both_with_a_fresh_adapter() -> None:
    dual = settle(Hpt(window=4), 4)
    again = finish_dual(dual, Hpt(window=4), offset=5.0)
    assert (again.stage, again.duals, again.losses) == (Stage.DUAL, 2, ())
    assert finish_dual(again, Hpt(window=4), offset=0.0).stage is Stage.LOW


def test_both_series_must_settle_in_the_same_window() -> None:
    assert settle(RULE, 4, gain=0.9).stage is Stage.FULL
    still = settle(replace(RULE, weight_threshold=1e-5), 4)
    assert still.stage is Stage.FULL
    assert len(still.distances) == 3


@pytest.mark.parametrize(
    ("series", "settled"),
    [
        ((1.0, 0.95, 0.93), True),
        ((1.0, 0.89, 0.88), False),  # first gain too large
        ((1.0, 0.95, 0.89), False),  # the gain does not shrink
        ((1.0, 0.91, 0.815), False),  # second gain above 10 % of the middle
        ((1.0, 1.1, 1.3), True),  # rising passes, as published
        ((0.95, 0.93), False),
        ((0.0, 0.0, 0.0), False),
        ((9.0, 1.0, 0.95, 0.93), True),
    ],
)
def test_convergence_test(series: tuple[float, ...], settled: bool) -> None:
    assert has_settled(series, 0.10) is settled


def test_weights_are_read_only_where_a_window_closes() -> None:
    state = begin(RULE)
    assert not closes_window(state, RULE)
    state = advance(state, RULE, Observation(1.0))
    assert closes_window(state, RULE)
    assert not closes_window(state, Never())
    with pytest.raises(ValueError, match="watched weights"):
        advance(state, RULE, Observation(1.0))


def test_a_step_of_both_needs_both_losses() -> None:
    with pytest.raises(ValueError, match="loss of `low`"):
        advance(settle(RULE, 4), RULE, Observation(1.0))


def test_fixed_step_and_never() -> None:
    policy = AtStep(2)
    state = advance(begin(policy), policy, Observation(1.0))
    assert state.stage is Stage.FULL
    state = advance(state, policy, Observation(1.0))
    assert state.stage is Stage.LOW
    assert advance(state, policy, Observation(1.0)) is state
    assert begin(AtStep(0)).stage is Stage.LOW
    assert advance(begin(Never()), Never(), Observation(1.0)).stage is Stage.FULL


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.floats(0.0, 2.0))
def test_p_value_agrees_with_scipy(seed: int, count: int, shift: float) -> None:
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=count), generator.normal(shift, 2.0, size=count)
    expected = stats.ttest_ind(a, b).pvalue
    assert t_test_p_value(a.tolist(), b.tolist()) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_p_value_without_variance() -> None:
    assert t_test_p_value([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert t_test_p_value([1.0, 1.0], [2.0, 2.0]) == 0.0
