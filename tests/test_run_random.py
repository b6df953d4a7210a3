"""A transformer with dropout, from compilation to training: checked, and repeated by its seed."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import hptc
from hptc.program import Program


class Small(nn.Module):
    """Dropout in an encoder layer, batch statistics, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.norm = nn.BatchNorm1d(5)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.norm(self.layer(x)))
        return y


INPUTS = (torch.linspace(-1, 1, 80).reshape(2, 5, 8),)


@pytest.fixture(scope="module")
def program() -> Program:
    torch.manual_seed(0)
    return hptc.compile(Small(), INPUTS, target="gpu", adapt="lora:r=2,alpha=4", time_limit_s=3)


def _log(program: Program, path: Path) -> str:
    data = {"in_0": torch.linspace(-1, 1, 400).reshape(10, 5, 8), "target": torch.ones(10, 5, 3)}
    program.train(data, steps=20, switch="at:10", log=path)
    return path.read_text()


def test_every_phase_equals_eager_torch_with_the_same_draws(program: Program) -> None:
    found = program.verify()
    assert found["ok"], found


def test_inference_uses_the_statistics_and_drops_nothing(program: Program) -> None:
    torch.manual_seed(0)
    expected = Small().eval()(*INPUTS).detach()
    torch.testing.assert_close(
        program.run("infer", {"in_0": INPUTS[0]}).outputs["output"], expected
    )


def test_equal_seeds_give_equal_runs(program: Program, tmp_path: Path) -> None:
    program.save(tmp_path / "m.hptc")
    logs = [_log(hptc.load(tmp_path / "m.hptc"), tmp_path / "log") for _ in range(2)]
    assert logs[0] == logs[1]


def test_steps_differ_and_so_do_seeds(program: Program) -> None:
    torch.manual_seed(0)
    other = hptc.compile(
        Small(), INPUTS, target="gpu", phases=("full",), seed=1, lr=1e-9, time_limit_s=2
    )
    batch = {"in_0": INPUTS[0], "target": torch.ones(2, 5, 3)}
    losses = other.run("full", batch, steps=3).losses
    assert len({*losses, program.run("full", batch).losses[0]}) == 4
