"""Losses against torch, by name and as functions that a bundle keeps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import hptc
from hptc.errors import HptcError, UsageError
from hptc.frontend.losses import CrossEntropy, loss_text, parse_loss
from hptc.frontend.recipe import Recipe
from hptc.ir.graph import Phase
from tests.evaluate import captured

Function = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Function] = {
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "huber": functional.huber_loss,
    "huber:delta=0.3": lambda y, t: functional.huber_loss(y, t, delta=0.3),
    "bce_with_logits": functional.binary_cross_entropy_with_logits,
    "cross_entropy": lambda y, t: functional.cross_entropy(y.movedim(-1, 1), t),
    "cross_entropy:axis=1": functional.cross_entropy,
    "cross_entropy:axis=0": lambda y, t: functional.cross_entropy(y.movedim(0, 1), t),
}


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(2, 3, 1), nn.Tanh())


INPUTS = (torch.linspace(-2, 2, 40).reshape(4, 2, 5),)


def target_for(text: str, output: Tensor) -> Tensor:
    loss = parse_loss(text)
    if not isinstance(loss, CrossEntropy):
        return torch.linspace(0, 1, output.numel()).reshape(output.shape)
    classes = output.shape[loss.axis]
    shape = loss.example_target(output).shape
    target = torch.arange(shape.numel()).reshape(shape) % classes
    return target.masked_fill(torch.arange(shape.numel()).reshape(shape) == 2, -100)


@pytest.mark.parametrize("text", LOSSES)
def test_loss_and_gradients_equal_those_of_torch(text: str, module: nn.Module) -> None:
    target = target_for(text, module(*INPUTS).detach())
    step = captured(module, INPUTS, Phase.FULL, recipe=Recipe(loss=parse_loss(text))).step(
        Phase.FULL, INPUTS, target=target
    )
    loss = LOSSES[text](module(*INPUTS), target)
    torch.autograd.backward(loss)
    torch.testing.assert_close(step.loss, loss.detach())
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(step.gradients[name], parameter.grad)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope", "one of mse, l1, huber, cross_entropy, bce_with_logits, found 'nope'"),
        ("custom", "found 'custom'"),
        ("mse:delta=1", "mse with no setting, found 'delta'"),
        ("huber:delta=0", "delta: greater than 0"),
        ("cross_entropy:axis=x", "axis: a valid integer"),
    ],
)
def test_settings_are_checked(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_loss(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", LOSSES)
def test_the_full_text_names_the_same_loss(text: str) -> None:
    assert parse_loss(loss_text(parse_loss(text))) == parse_loss(text)


def test_an_axis_that_the_output_lacks(module: nn.Module) -> None:
    with pytest.raises(UsageError, match=r"axis 3, found an output of shape \[4, 3, 5\]"):
        captured(module, INPUTS, recipe=Recipe(loss=CrossEntropy(3)))


WEIGHTS = torch.tensor([1.0, 2.0, 0.5])


def weighted(output: Tensor, target: Tensor) -> Tensor:
    rows = functional.cross_entropy(output, target, weight=WEIGHTS, reduction="none")
    return rows.view(-1).logsumexp(0)


def test_a_function_survives_in_the_bundle(module: nn.Module, tmp_path: Path) -> None:
    program = hptc.compile(
        module,
        INPUTS,
        target="gpu",
        loss=weighted,
        example_target=torch.zeros(4, 5, dtype=torch.int64),
        accumulate=2,
        time_limit_s=3,
    )
    program.save(tmp_path / "own.hptc")
    program = hptc.load(tmp_path / "own.hptc")
    x, target = torch.randn(8, 2, 5), torch.randint(3, (8, 5))
    found = program.verify(inputs={"in_0": x, "target": target})
    assert found["ok"]
    (loss,) = program.run("full", {"in_0": x, "target": target}).losses
    expected = sum(weighted(module(a), b) for a, b in zip(x.chunk(2), target.chunk(2), strict=True))
    assert loss == pytest.approx(float(torch.as_tensor(expected).detach()) / 2)
    data = {"in_0": x, "target": target, "split": torch.zeros(8, dtype=torch.int64)}
    data = {name: torch.cat([item, item]) for name, item in data.items()}
    data["split"][8:] = 1
    log = tmp_path / "run.jsonl"
    assert program.train(data, steps=2, switch="never", log=log).steps == 2
    assert "validation" in log.read_text()


def test_a_module_with_buffers_is_a_function_too(module: nn.Module) -> None:
    loss = nn.HuberLoss(delta=0.2)
    program = hptc.compile(
        module, INPUTS, target="gpu", loss=loss, phases=("full",), time_limit_s=2
    )
    assert program.verify()["ok"]


class Learned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return ((output - target) * self.scale).square().mean()


def by_value(output: Tensor, target: Tensor) -> Tensor:
    return output.sum() if float(output.sum()) > 0 else target.sum()


def number(output: Tensor, target: Tensor) -> Any:
    return output.dim() + target.dim()


REFUSED: dict[str, tuple[Function, str]] = {
    "by value": (by_value, "that torch.export can record"),
    "no scalar": (lambda y, t: (y - t) ** 2, r"torch.float32 of shape \[4, 3, 5\]"),
    "no tensor": (number, "found no tensor"),
    "wrong shapes": (lambda y, t: (y @ t).sum(), "that torch.export can record"),
    "parameters": (Learned(), "parameters of its own"),
    "random": (lambda y, t: (torch.rand_like(y) * (y - t)).mean(), "random numbers"),
    "independent": (lambda y, t: t.mean(), "depends on a trained parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_functions_that_cannot_be_losses(name: str, module: nn.Module) -> None:
    function, message = REFUSED[name]
    with pytest.raises(HptcError, match=message):
        hptc.compile(module, INPUTS, target="gpu", loss=function, phases=("full",))


def test_a_named_loss_knows_its_target(module: nn.Module) -> None:
    with pytest.raises(UsageError, match="a tensor beside the loss 'mse'"):
        hptc.compile(module, INPUTS, example_target=torch.zeros(4, 3, 5))
