from dataclasses import replace

import pytest
import torch

from hptc.errors import BundleError, UsageError
from hptc.ir.graph import Phase
from hptc.runtime.transition import (
    apply_transition,
    carry_state,
    draw_parameter,
    initial_state,
    merge_low_rank,
)
from hptc.schedule.model import Initialise, Merge
from tests.tiny_program import (
    IN,
    MERGE,
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


@pytest.mark.parametrize(
    ("shape", "transposed"), [((5, 4), False), ((4, 5), True), ((4, 5, 1, 1), True)]
)
def test_merged_weight_acts_like_base_plus_adapter(
    shape: tuple[int, ...], transposed: bool
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(shape, dtype=torch.float64)
    a, b = torch.randn(5, 2, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    x = torch.randn(7, 5, dtype=torch.float64)
    merged = merge_low_rank(weight, a, b, Merge("w", "a", "b", 0.5, transposed))

    def apply(w: torch.Tensor) -> torch.Tensor:
        return x @ (w.reshape(4, 5).t() if transposed else w)

    assert merged.shape == weight.shape
    torch.testing.assert_close(apply(merged), apply(weight) + 0.5 * (x @ a) @ b)


def test_factors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BundleError, match="merge into"):
        merge_low_rank(torch.zeros(3, 2), torch.zeros(3, 1), torch.zeros(1, 3), MERGE)


def test_draws_repeat_by_seed_and_differ_by_draw() -> None:
    new = Initialise("a", (4, 3), "kaiming-uniform", 11)
    assert torch.equal(draw_parameter(new), draw_parameter(new))
    assert not torch.equal(draw_parameter(new), draw_parameter(new, draw=1))
    assert not torch.equal(draw_parameter(new), draw_parameter(replace(new, seed=12)))
    with pytest.raises(BundleError, match="scheme"):
        draw_parameter(replace(new, scheme="xavier"))


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
