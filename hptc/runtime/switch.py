"""When training leaves `full` for `low`: the published HpT rule, a fixed step, or never.

The rule follows HpT (Dahal et al., IEEE TPDS 36(3), 2025) as its code has it. Steps are counted in
windows of k. Window j has the mean loss L_j and the distance D_j (Frobenius) between its last
snapshot of one layer's weights and that of window j - 1. A series x passes at threshold c when

    (x_{j-2} - x_{j-1}) / x_{j-2} < c,  (x_{j-1} - x_j) / x_{j-1} < c,
    x_{j-1} - x_j < x_{j-2} - x_{j-1}.

When L (c = 0.10) and D (c = 0.01) pass in the same window, both forms train side by side for k
steps. A two-sample t-test that does not tell their losses apart at alpha = 0.01 completes the
switch; otherwise a fresh adapter repeats the window. D_j needs two windows and the test three of
them, so the switch comes after five windows at the earliest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import torch
from scipy.special import stdtr
from torch import Tensor

from hptc.errors import UsageError

DEFAULT_WINDOW = 100
_MIN_WINDOW = 2  # the t-test needs a variance
_SERIES = 3  # values of L and D that a test looks at
_CHOICES = "`hpt`, `never` or `at:N` with a number of steps N >= 0"


@dataclass(frozen=True, slots=True)
class Never:
    """Train `full` to the end."""


@dataclass(frozen=True, slots=True)
class AtStep:
    """Switch after a number of steps in `full`."""

    steps: int


@dataclass(frozen=True, slots=True)
class Hpt:
    """The published rule; see the module docstring."""

    window: int = DEFAULT_WINDOW
    """Steps in a window, k."""
    loss_threshold: float = 0.10
    weight_threshold: float = 0.01
    alpha: float = 0.01
    """Significance level of the t-test."""


SwitchPolicy = Never | AtStep | Hpt


class Stage(Enum):
    """What a training step runs."""

    FULL = "full"
    DUAL = "dual"
    """Both forms side by side, on the same samples."""
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one step showed."""

    loss: float
    """Of `full`; of `low` in stage LOW."""
    low_loss: float | None = None
    """Of `low`, in stage DUAL."""
    weights: Tensor | None = None
    """The watched weights after the step, in one vector; read where `closes_window` says so."""


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Where the decision stands."""

    stage: Stage = Stage.FULL
    steps: int = 0
    """Steps taken in stage FULL."""
    duals: int = 0
    """Windows begun in stage DUAL, each with an adapter of its own."""
    losses: tuple[float, ...] = ()
    """Losses of `full` in the window under way."""
    low_losses: tuple[float, ...] = ()
    mean_losses: tuple[float, ...] = ()
    """L of the last windows, oldest first."""
    distances: tuple[float, ...] = ()
    """D of the last windows, oldest first."""
    snapshot: Tensor | None = None
    """Watched weights at the end of the last window."""


def parse_switch(text: str, window: int = DEFAULT_WINDOW) -> SwitchPolicy:
    """Return the policy that an option value such as `hpt`, `never` or `at:500` names.

    Args:
        text: The option value.
        window: Steps in a window of `hpt`, at least 2.

    Raises:
        UsageError: For any other text, or too short a window.
    """
    if window < _MIN_WINDOW:
        raise UsageError("switch window", expected="at least 2 steps", found=str(window))
    match text.split(":"):
        case ["hpt"]:
            return Hpt(window=window)
        case ["never"]:
            return Never()
        case ["at", count] if count.isascii() and count.isdigit():
            return AtStep(int(count))
    raise UsageError("--switch", expected=_CHOICES, found=repr(text))


def begin(policy: SwitchPolicy) -> SwitchState:
    """Return the state before the first step."""
    at_once = isinstance(policy, AtStep) and policy.steps == 0
    return SwitchState(stage=Stage.LOW if at_once else Stage.FULL)


def closes_window(state: SwitchState, policy: SwitchPolicy) -> bool:
    """Tell whether the next step ends a window whose weights the policy looks at."""
    return (
        isinstance(policy, Hpt)
        and state.stage is Stage.FULL
        and len(state.losses) + 1 == policy.window
    )


def advance(state: SwitchState, policy: SwitchPolicy, seen: Observation) -> SwitchState:
    """Return the state after a step.

    Entering DUAL, or another window of it (`duals` grows), asks for a fresh adapter made from the
    weights of `full`; so does entering LOW.

    Args:
        state: The state before the step.
        policy: The policy in force.
        seen: What the step showed.
    """
    if state.stage is Stage.LOW or isinstance(policy, Never):
        return state
    if isinstance(policy, AtStep):
        steps = state.steps + 1
        stage = Stage.LOW if steps >= policy.steps else Stage.FULL
        return replace(state, steps=steps, stage=stage)
    if state.stage is Stage.DUAL:
        return _advance_dual(state, policy, seen)
    return _advance_full(state, policy, seen)


def _advance_full(state: SwitchState, policy: Hpt, seen: Observation) -> SwitchState:
    state = replace(state, steps=state.steps + 1, losses=(*state.losses, seen.loss))
    if len(state.losses) < policy.window:
        return state
    if seen.weights is None:
        raise ValueError("the step that closes a window must observe the watched weights")
    distances = state.distances
    if state.snapshot is not None:
        moved = torch.linalg.vector_norm(seen.weights.double() - state.snapshot.double())
        distances = (*distances, moved.item())[-_SERIES:]
    mean = math.fsum(state.losses) / policy.window
    state = replace(
        state,
        losses=(),
        mean_losses=(*state.mean_losses, mean)[-_SERIES:],
        distances=distances,
        snapshot=seen.weights,
    )
    if not (
        has_settled(state.mean_losses, policy.loss_threshold)
        and has_settled(state.distances, policy.weight_threshold)
    ):
        return state
    return replace(state, stage=Stage.DUAL, duals=1, snapshot=None)


def _advance_dual(state: SwitchState, policy: Hpt, seen: Observation) -> SwitchState:
    if seen.low_loss is None:
        raise ValueError("a step in stage DUAL must observe the loss of `low`")
    losses = (*state.losses, seen.loss)
    low_losses = (*state.low_losses, seen.low_loss)
    if len(losses) < policy.window:
        return replace(state, losses=losses, low_losses=low_losses)
    state = replace(state, losses=(), low_losses=())
    if t_test_p_value(losses, low_losses) > policy.alpha:
        return replace(state, stage=Stage.LOW)
    return replace(state, duals=state.duals + 1)


def has_settled(series: Sequence[float], threshold: float) -> bool:
    """Tell whether the last three values of a series pass the convergence test.

    A series that is too short, or that reached zero, does not pass. A rising one does: the rule
    bounds the improvement from above only.

    Example:
        >>> has_settled([1.0, 0.95, 0.93], 0.10)
        True
    """
    if len(series) < _SERIES:
        return False
    before, middle, last = series[-_SERIES:]
    if before == 0 or middle == 0:
        return False
    first_gain, second_gain = before - middle, middle - last
    return (
        first_gain / before < threshold
        and second_gain / middle < threshold
        and second_gain < first_gain
    )


def t_test_p_value(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the two-sided p-value of Student's two-sample t-test with pooled variance.

    For samples of one level alpha, p > alpha is the same as |t| < t_crit. Without any variance the
    samples are either equal (1) or different (0).

    Example:
        >>> round(t_test_p_value([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]), 4)
        0.2879
    """
    degrees = len(a) + len(b) - 2
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    squares = math.fsum((x - mean_a) ** 2 for x in a) + math.fsum((x - mean_b) ** 2 for x in b)
    if squares == 0:
        return 1.0 if mean_a == mean_b else 0.0
    error = math.sqrt(squares / degrees * (1 / len(a) + 1 / len(b)))
    return 2 * float(stdtr(degrees, -abs(mean_a - mean_b) / error))
