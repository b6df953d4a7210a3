"""The forms of the phase `low` in a compiled program: entering, verifying, leaving, memory."""

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import hptc
from hptc.errors import InfeasibleError, UsageError
from hptc.frontend.adapters import FORMS
from hptc.ir.graph import Phase
from hptc.program import Program
from hptc.runtime.session import Session
from hptc.runtime.transition import State, carry_state, initial_state
from hptc.schedule.bundle import load_bundle, save_bundle
from hptc.schedule.model import Bundle


class _Model(nn.Module):
    """A convolution, a linear layer and a bare product."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.up = nn.Linear(16, 6)
        self.right = nn.Parameter(torch.randn(6, 5) / 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.tanh(self.up(torch.relu(self.conv(x)).flatten(1))) @ self.right
        return y


@cache
def program(form: str) -> Program:
    torch.manual_seed(0)
    inputs = (torch.randn(4, 2, 4, 4),)
    return hptc.compile(_Model(), inputs, adapt=f"{form}:r=3,alpha=2", target="gpu", time_limit_s=1)


def batch(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 2, 4, 4, generator=generator)
    return {"in_0": x, "target": torch.randn(4, 5, generator=generator)}


def trained(bundle: Bundle, phase: Phase, state: State) -> State:
    """Return the state after three steps."""
    session = Session(bundle, phase, state)
    for seed in range(3):
        session.step(batch(seed), 0.05)
    return session.state()


def output(bundle: Bundle, phase: Phase, state: State) -> Tensor:
    given = batch(9)
    given = {"in_0": given["in_0"]} if phase is Phase.INFER else given
    return Session(bundle, phase, state).step(given, 0.05).outputs["output"]


@pytest.mark.parametrize("form", FORMS)
def test_a_step_agrees_with_the_module_form(form: str) -> None:
    found = program(form).verify()
    assert found["ok"], found


@pytest.mark.parametrize("form", FORMS)
def test_phases_hand_the_function_on(form: str) -> None:
    """Through full, low, full and low again, and out to infer, the model computes the same."""
    bundle = program(form).bundle
    state, src = trained(bundle, Phase.FULL, initial_state(bundle, Phase.FULL)), Phase.FULL
    for dst in (Phase.LOW, Phase.FULL, Phase.LOW, Phase.INFER):
        entered = carry_state(bundle, src, dst, state)
        torch.testing.assert_close(
            output(bundle, dst, entered), output(bundle, src, state), rtol=1e-5, atol=1e-6
        )
        moved = entered if dst is Phase.INFER else trained(bundle, dst, entered)
        assert dst is Phase.INFER or not torch.allclose(
            output(bundle, dst, moved), output(bundle, dst, entered), atol=1e-4
        )
        state, src = moved, dst


def test_bases_come_from_the_weights_that_full_trained() -> None:
    bundle = program("lora-xs").bundle
    left = trained(bundle, Phase.FULL, initial_state(bundle, Phase.FULL))
    entered = carry_state(bundle, Phase.FULL, Phase.LOW, left)
    u, v = entered["right.lora_xs_u"], entered["right.lora_xs_v"]
    _, values, _ = torch.linalg.svd(left["right"])
    torch.testing.assert_close(u.norm(dim=0), values[:3])
    torch.testing.assert_close(u @ v @ v.t(), left["right"] @ v.t())


def test_a_later_drawing_has_other_parts() -> None:
    bundle = program("vera").bundle
    left = initial_state(bundle, Phase.FULL)
    first, again, later = (
        carry_state(bundle, Phase.FULL, Phase.LOW, left, draw) for draw in (0, 0, 1)
    )
    shared = [name for name in first if name.startswith("adapter/")]
    assert shared
    assert all(torch.equal(first[name], again[name]) for name in shared)
    assert not any(torch.equal(first[name], later[name]) for name in shared)


@pytest.mark.parametrize("form", ["dense", "fastfood"])
def test_what_is_drawn_is_not_stored(form: str, tmp_path: Path) -> None:
    path = tmp_path / "m.hptc"
    save_bundle(program(form).bundle, path, force=False)
    bundle = load_bundle(path)
    assert set(bundle.weights) == set(program("lora").bundle.weights)
    assert bundle.transitions == program(form).bundle.transitions


def test_a_projection_beyond_any_memory_is_counted_but_not_made() -> None:
    """1024 x 1024 elements times 40,000 coordinates, as `dense` would have for HpT's model."""

    def compiled_for(memory_bytes: int) -> Program:
        return hptc.compile(
            nn.Linear(1024, 1024),
            (torch.randn(1, 1024),),
            phases=("low",),
            adapt="dense:d=40000",
            target="gpu",
            overrides=[f"devices.gpu.memory_bytes={memory_bytes}"],
            time_limit_s=1.0,
        )

    with pytest.raises(InfeasibleError, match="memory"):
        compiled_for(80 * 10**9)
    compiled = compiled_for(10**12)
    tags = compiled.report()["phases"]["low"]["tags"]
    assert tags["static"]["macs"] == 1024 * 1024 * 40_000
    assert tags["trainable"]["macs"] >= 1024 * 1024 * 40_000
    with pytest.raises(UsageError, match=r"weight.dense_p.*312\.5 GiB"):
        compiled.run(phase="low")
