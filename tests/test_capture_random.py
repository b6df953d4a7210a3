"""Dropout and other random operations: draws in the graph, against eager torch with the same."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from hptc.errors import VerifyError
from hptc.frontend.adapter_options import AdapterSpec
from hptc.frontend.random import first_state
from hptc.ir.graph import Phase
from hptc.ir.names import RANDOM_STATE
from hptc.runtime.reference_noise import Replay, drawn_values
from tests.capture_checks import sequence
from tests.evaluate import Step, captured
from tests.models import FirstOutput, split_heads


class Forward(nn.Module):
    """A linear layer, then a function of its result."""

    def __init__(self, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.inner(x))


def _drop_path(x: Tensor) -> Tensor:
    return x * x.new_empty(x.shape[0], 1, 1).bernoulli_(0.7).div_(0.7)


def _attend(x: Tensor) -> Tensor:
    q = split_heads(x)
    return functional.scaled_dot_product_attention(q, q, q, dropout_p=0.3)


CASES: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.4), nn.Tanh(), nn.Dropout(0.2)),
    "all dropped": lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout(1.0), nn.Linear(8, 2)),
    "alpha": lambda: nn.Sequential(nn.Linear(8, 8), nn.AlphaDropout(0.4)),
    "channels": lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout1d(0.4)),
    "alpha, channels": lambda: nn.Sequential(nn.Linear(8, 8), nn.FeatureAlphaDropout(0.4)),
    "rectifier": lambda: nn.Sequential(nn.Linear(8, 8), nn.RReLU()),
    "path": lambda: Forward(_drop_path),
    "attention": lambda: Forward(_attend),
    "encoder": lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True),
    "LSTM": lambda: FirstOutput(nn.LSTM(8, 6, 2, dropout=0.4, batch_first=True)),
    "GRU, both ways": lambda: FirstOutput(nn.GRU(8, 6, 2, dropout=0.4, bidirectional=True)),
    "uniform": lambda: Forward(lambda x: x * torch.rand_like(x) + torch.rand(8)),
    "uniform, range": lambda: Forward(lambda x: x * torch.empty(5, 8).uniform_(-2, 3)),
    "normal": lambda: Forward(lambda x: x * torch.randn_like(x) + torch.randn(5, 1)),
    "normal, moments": lambda: Forward(lambda x: x * torch.normal(torch.ones(8), 2.0)),
    "normal, in place": lambda: Forward(lambda x: x + torch.empty(8).normal_(1, 0.5)),
    "Gumbel": lambda: Forward(functional.gumbel_softmax),
    "integers": lambda: Forward(lambda x: x * torch.randint(-3, 9, (5, 1))),
    "integers of a kind": lambda: Forward(lambda x: x * torch.randint_like(x.detach(), 7)),
    "permutation": lambda: Forward(lambda x: x[:, torch.randperm(5)]),
    "probabilities": lambda: Forward(lambda x: x * torch.bernoulli(x.detach().sigmoid())),
}

SMALL = AdapterSpec(rank=2)


def _draws(step: Step) -> dict[int, Tensor]:
    return {salt: step.values[name] for salt, name in drawn_values(step.graph).items()}


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_torch_with_the_same_draws(case: str) -> None:
    module, inputs = CASES[case](), sequence()
    target = torch.randn_like(module(*inputs))
    step = captured(module, inputs, Phase.FULL).step(Phase.FULL, inputs, target=target)
    replay = Replay(_draws(step))
    with replay, sdpa_kernel(SDPBackend.MATH):
        output = module(*inputs)
    replay.check_all_taken()
    loss = functional.mse_loss(output, target)
    torch.testing.assert_close(step.output(), output.detach())
    torch.testing.assert_close(step.loss, loss.detach())
    torch.autograd.backward(loss)
    expected = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
    torch.testing.assert_close(step.gradients, expected)


def test_dropout_keeps_at_the_rate_and_scales() -> None:
    module = Forward(lambda x: functional.dropout(torch.ones(50, 40, 8), 0.3) + 0 * x.sum())
    step = captured(module, sequence(), Phase.FULL).step(
        Phase.FULL, sequence(), target=torch.zeros(50, 40, 8)
    )
    kept = step.output() > 0
    assert abs(kept.float().mean().item() - 0.7) < 0.01
    torch.testing.assert_close(step.output()[kept], torch.full((int(kept.sum()),), 1 / 0.7))


@pytest.mark.parametrize(
    ("draw", "mean", "variance"),
    [
        (torch.rand_like, 1 / 2, 1 / 12),
        (torch.randn_like, 0.0, 1.0),
        (lambda x: torch.empty_like(x).exponential_(2.0), 1 / 2, 1 / 4),
        (lambda x: torch.randint_like(x, -2, 3), 0.0, 2.0),
    ],
    ids=["uniform", "normal", "exponential", "integers"],
)
def test_moments(draw: Callable[[Tensor], Tensor], mean: float, variance: float) -> None:
    module = Forward(lambda x: draw(torch.zeros(200, 200)) + 0 * x.sum())
    step = captured(module, sequence(), Phase.FULL).step(
        Phase.FULL, sequence(), target=torch.zeros(200, 200)
    )
    assert abs(step.output().mean().item() - mean) < 0.03
    assert abs(step.output().var().item() - variance) < 0.03


def test_layers_and_steps_draw_their_own_and_seeds_repeat() -> None:
    inputs = sequence()
    taken = captured(CASES["dropout"](), inputs, Phase.FULL)
    others = {"target": torch.zeros(2, 5, 8)}
    first, again = (taken.step(Phase.FULL, inputs, **others) for _ in range(2))
    state = {RANDOM_STATE: first.new[RANDOM_STATE]}
    second = taken.step(Phase.FULL, inputs, **others, **state)
    assert not torch.equal(_draws(first)[0], _draws(first)[1])
    assert not torch.equal(_draws(first)[0], _draws(second)[0])
    torch.testing.assert_close(_draws(first), _draws(again), rtol=0, atol=0)
    assert int(first.new[RANDOM_STATE]) == int(first_state(0)) + 1 != int(first_state(1))


def test_phases() -> None:
    taken = captured(CASES["encoder"](), sequence(), adapter=SMALL)
    counts = {phase: len(drawn_values(graph)) for phase, graph in taken.result.graphs.items()}
    assert counts == {Phase.FULL: 4, Phase.LOW: 4, Phase.INFER: 0}
    assert RANDOM_STATE not in taken.result.graphs[Phase.INFER].by_name


def test_a_model_that_draws_nothing_has_no_random_state() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.0), nn.Dropout(0.5).eval())
    taken = captured(module, sequence(), Phase.FULL)
    assert RANDOM_STATE not in taken.result.graphs[Phase.FULL].by_name
    assert RANDOM_STATE not in taken.result.weights


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_element_types(dtype: torch.dtype) -> None:
    module, inputs = CASES["dropout"]().to(dtype), (torch.randn(2, 5, 8, dtype=dtype),)
    step = captured(module, inputs, Phase.FULL).step(
        Phase.FULL, inputs, target=torch.zeros(2, 5, 8, dtype=dtype)
    )
    with Replay(_draws(step)):
        expected = module(*inputs).detach()
    torch.testing.assert_close(step.output(), expected, atol=2**-8, rtol=2**-4)


def test_a_replay_notices_what_does_not_fit() -> None:
    with Replay({0: torch.zeros(3)}), pytest.raises(VerifyError, match=r"shape \[4\].*\[3\]"):
        torch.rand(4)
    with pytest.raises(VerifyError, match="expected 0 draws"):
        Replay({0: torch.zeros(3)}).check_all_taken()
    with Replay({}), pytest.raises(VerifyError, match="multinomial"):
        torch.multinomial(torch.ones(3), 1)
