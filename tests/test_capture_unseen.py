"""Traits of models from outside the reference set: odd names, strides, shared layers, graphs."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import hptc
from hptc.errors import ModelError
from tests.evaluate import captured
from tests.models import Attention


class OperationNames(nn.Module):
    """Parameters with the names that torch gives to operations of the trace."""

    def __init__(self) -> None:
        super().__init__()
        self.mul = nn.Parameter(torch.randn(4))
        self.split = nn.ParameterList([torch.randn(2), torch.randn(2)])

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.ops.aten.split.Tensor((x * self.mul).tanh(), 2, -1)
        return torch.cat((left * self.split[0], right * self.split[1]), -1)


class Biased(nn.Module):
    """Attention with a trained bias of the scores; real and fake strides of its output differ."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)
        self.bias = nn.Parameter(torch.randn(1, 2, 5, 5))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(x).reshape(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        result: Tensor = mixed.transpose(1, 2).reshape(2, 5, -1)
        return result


class Repeated(nn.Module):
    """One attention layer applied twice after a map of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = nn.Linear(8, 8)
        self.layer = Attention()

    def forward(self, x: Tensor) -> Tensor:
        once: Tensor = self.layer(self.widen(x))
        twice: Tensor = once + self.layer(once)
        return twice


class Nodes(nn.Module):
    """A graph convolution whose adjacency matrix comes from node embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.source = nn.Parameter(torch.randn(5, 3))
        self.sink = nn.Parameter(torch.randn(3, 5))
        self.inner, self.out = nn.Linear(8, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.inner(x))
        adjacency = (self.source @ self.sink).softmax(-1)
        found: Tensor = self.out(hidden + adjacency @ hidden)
        return found


def _normed() -> nn.Module:
    norm = torch.nn.utils.parametrizations.weight_norm
    return nn.Sequential(norm(nn.Conv1d(5, 4, 3)), nn.PReLU(4), norm(nn.Conv1d(4, 3, 2)))


MODELS = {
    "operation names": (OperationNames, (2, 4)),
    "biased attention": (Biased, (2, 5, 8)),
    "layer applied twice": (Repeated, (2, 5, 8)),
    "node embeddings": (Nodes, (2, 5, 8)),
    "weight norm": (_normed, (2, 5, 8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_phase_is_verified(name: str) -> None:
    torch.manual_seed(0)
    make, shape = MODELS[name]
    phases = ("full", "infer") if make in (OperationNames, _normed) else ("full", "low", "infer")
    program = hptc.compile(make(), (torch.randn(shape),), phases=phases, time_limit_s=1)
    assert program.verify()["ok"]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Repeated, ["layer.query.weight", "layer.value.weight"]),
        (Nodes, ["inner.weight", "out.weight"]),
    ],
)
def test_adapted_weights(make: type[nn.Module], expected: list[str]) -> None:
    taken = captured(make(), (torch.randn(2, 5, 8),))
    assert [adapter.weight for adapter in taken.result.adapters] == expected


def test_a_parameter_named_as_the_target() -> None:
    module = nn.Linear(4, 2)
    module.register_parameter("target", nn.Parameter(torch.ones(2)))
    with pytest.raises(ModelError, match=r"target: expected a name .* Rename it"):
        captured(module, (torch.randn(3, 4),))


def test_torch_is_quiet_where_it_fails(capfd: pytest.CaptureFixture[str]) -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if bool((x > 0).all()) else -x

    with pytest.raises(ModelError, match=r"Branching: expected a module that torch\.export"):
        captured(Branching(), (torch.ones(2),))
    assert capfd.readouterr() == ("", "")
