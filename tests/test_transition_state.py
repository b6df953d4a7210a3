from dataclasses import replace

import pytest
import torch

from hptc.errors import BundleError, UsageError
from hptc.ir.graph import Phase
from hptc.runtime.transition import apply_transition, carry_state, initial_state, merge_state
from tests.tiny_program import (
    FROM_LOW,
    IN,
    OUT,
    RANK,
    SCALE,
    TO_LOW,
    WEIGHT,
    A,
    B,
    low_graph,
    tiny_bundle,
)


def test_first_phase_gets_weights_and_zero_moments() -> None:
    bundle = tiny_bundle()
    state = initial_state(bundle, Phase.FULL)
    assert state.keys() == {WEIGHT, f"momentum/{WEIGHT}"}
    assert torch.equal(state[WEIGHT], torch.from_numpy(bundle.weights[WEIGHT]))
    assert not state[f"momentum/{WEIGHT}"].any()


def test_low_without_training_before_takes_the_transition() -> None:
    state = initial_state(tiny_bundle([Phase.LOW]), Phase.LOW)
    assert state.keys() == {WEIGHT, A, B, f"momentum/{A}", f"momentum/{B}"}
    assert 0 < state[A].abs().max() <= 1 / IN**0.5
    assert not state[B].any()


def test_an_absent_phase_is_named() -> None:
    with pytest.raises(UsageError, match="expected the phase low, found only full"):
        initial_state(tiny_bundle([Phase.FULL]), Phase.LOW)


def test_trained_weights_cross_and_moments_restart() -> None:
    bundle = tiny_bundle()
    left = {name: tensor + 1 for name, tensor in initial_state(bundle, Phase.FULL).items()}
    state = carry_state(bundle, Phase.FULL, Phase.LOW, left)
    assert torch.equal(state[WEIGHT], left[WEIGHT])
    assert not state[f"momentum/{A}"].any()


def test_leaving_low_merges_the_adapter() -> None:
    bundle = tiny_bundle()
    left = {WEIGHT: torch.randn(IN, OUT), A: torch.randn(IN, RANK), B: torch.randn(RANK, OUT)}
    before = left[WEIGHT].clone()
    state = carry_state(bundle, Phase.LOW, Phase.INFER, left)
    torch.testing.assert_close(state[WEIGHT], before + SCALE * left[A] @ left[B])
    assert torch.equal(left[WEIGHT], before)


def test_parts_that_do_not_fit_are_refused() -> None:
    state = {WEIGHT: torch.zeros(IN, OUT), A: torch.zeros(IN, RANK)}
    with pytest.raises(BundleError, match=r"merge on leaving phase low.*lora_b"):
        merge_state(FROM_LOW, state)
    with pytest.raises(BundleError, match=r"shape \[2\]"):
        merge_state(FROM_LOW, {**state, B: torch.zeros(2)})


def test_missing_and_misshapen_values_are_named() -> None:
    with pytest.raises(BundleError, match=WEIGHT):
        apply_transition(TO_LOW, low_graph(), {}, {})
    with pytest.raises(BundleError, match=r"shape \[1\]"):
        apply_transition(TO_LOW, low_graph(), {WEIGHT: torch.zeros(1)}, {})


def test_buffers_keep_what_training_made_of_them() -> None:
    transition = replace(TO_LOW, copies={})
    trained = torch.ones(IN, OUT)
    stale = {WEIGHT: torch.zeros(IN, OUT)}
    assert torch.equal(
        apply_transition(transition, low_graph(), {WEIGHT: trained}, stale)[WEIGHT], trained
    )
