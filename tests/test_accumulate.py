"""Steps over several micro-batches: against torch, and through every verb that runs a bundle."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import hptc
from hptc.errors import InvalidInputError, UsageError
from hptc.frontend.losses import CrossEntropy
from hptc.frontend.recipe import Recipe
from hptc.ir.graph import Phase
from hptc.program import Program
from tests.evaluate import captured
from tests.models import Language

COUNT, ROWS = 3, 4


class Normed(nn.Module):
    """Batch statistics go from one micro-batch to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 6)
        self.norm = nn.BatchNorm1d(6)
        self.b = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(torch.relu(self.norm(self.a(x))))
        return y


@pytest.fixture(scope="module")
def module() -> nn.Module:
    torch.manual_seed(0)
    return Normed()


@pytest.fixture(scope="module")
def program(module: nn.Module) -> Program:
    return hptc.compile(
        module,
        (torch.randn(ROWS, 5),),
        target="gpu",
        accumulate=COUNT,
        clip_norm=0.1,
        optimizer="sgd:momentum=0.9",
        lr=0.1,
        time_limit_s=3,
    )


def drawn(extent: int = COUNT * ROWS) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(extent, 5, generator=generator)
    return {"in_0": x, "target": torch.randn(extent, 2, generator=generator)}


def test_gradients_are_those_that_torch_accumulates(module: nn.Module) -> None:
    batch = drawn()
    taken = captured(module, (torch.zeros(ROWS, 5),), recipe=Recipe(accumulate=COUNT))
    step = taken.step(Phase.FULL, (batch["in_0"],), target=batch["target"])
    eager = copy.deepcopy(module)
    outputs, total = [], 0.0
    for x, target in zip(batch["in_0"].chunk(COUNT), batch["target"].chunk(COUNT), strict=True):
        outputs.append(eager(x))
        loss = functional.mse_loss(outputs[-1], target) / COUNT
        torch.autograd.backward(loss)
        total += loss.item()
    torch.testing.assert_close(float(step.loss), total)
    torch.testing.assert_close(step.output(), torch.cat(outputs).detach())
    for name, parameter in eager.named_parameters():
        torch.testing.assert_close(step.gradients[name], parameter.grad)
    for name, buffer in eager.named_buffers():
        torch.testing.assert_close(step.new[name], buffer)
    shapes = {phase: graph.by_name["in_0"].shape for phase, graph in taken.result.graphs.items()}
    assert shapes == {Phase.FULL: (12, 5), Phase.LOW: (12, 5), Phase.INFER: (4, 5)}


def test_positions_left_out_count_in_their_own_micro_batch() -> None:
    module, tokens = Language(tied=True), torch.randint(10, (4, 5))
    target = tokens.roll(1, 1).clone()
    target[0] = -100
    recipe = Recipe(loss=CrossEntropy(), accumulate=2)
    step = captured(module, (tokens[:2],), Phase.FULL, recipe=recipe).step(
        Phase.FULL, (tokens,), target=target
    )
    losses = [
        functional.cross_entropy(module(x).flatten(0, 1), t.flatten())
        for x, t in zip(tokens.chunk(2), target.chunk(2), strict=True)
    ]
    torch.testing.assert_close(step.loss, torch.stack(losses).mean().detach())


def test_verify_accumulates_on_its_own(program: Program) -> None:
    assert program.verify()["ok"]
    found = program.verify(inputs=drawn())
    assert found["ok"]
    assert found["phases"]["full"]["update_max_rel_err"] < 1e-6


def test_a_run_takes_the_whole_batch_in_every_phase(program: Program, module: nn.Module) -> None:
    batch = drawn()
    assert len(program.run("full", batch, steps=2).losses) == 2
    outputs = program.run("infer", batch).outputs["output"]
    with torch.no_grad():
        torch.testing.assert_close(outputs, copy.deepcopy(module).eval()(batch["in_0"]))
    one = {"in_0": batch["in_0"][:ROWS]}
    torch.testing.assert_close(program.run("infer", one).outputs["output"], outputs[:ROWS])
    with pytest.raises(InvalidInputError, match=r"shape \[12, 5\], found shape \[4, 5\]"):
        program.run("full", drawn(ROWS))


def test_training_gathers_whole_steps(program: Program, tmp_path: Path) -> None:
    data: dict[str, Any] = {**drawn(60), "split": np.array([0] * 36 + [1] * 24)}
    log = tmp_path / "run.jsonl"
    result = program.train(data, steps=6, switch="at:3", log=log)
    assert (result.steps, result.switched_at) == (6, 3)
    assert "validation" in log.read_text()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 3)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        y: Tensor = self.a(x) * scale
        return y


@pytest.mark.parametrize("scale", [torch.randn(1, 3), torch.tensor(2.0)])
def test_inputs_without_a_common_batch_axis(scale: Tensor) -> None:
    with pytest.raises(UsageError, match=r"one leading batch axis.*in_1 of shape"):
        captured(Scaled(), (torch.randn(4, 3), scale), recipe=Recipe(accumulate=2))


@pytest.mark.parametrize("count", [0, -1, 100_000])
def test_absurd_counts(module: nn.Module, count: int) -> None:
    with pytest.raises(UsageError, match="--accumulate: expected 1 to 1024 micro-batches"):
        hptc.compile(module, (torch.randn(4, 5),), accumulate=count)
