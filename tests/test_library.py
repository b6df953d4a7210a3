"""The library as a user holds it: `hptc.compile`, `hptc.load` and the methods of a program."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import hptc
from cost_models.load import load_target
from hptc.errors import InvalidInputError, UsageError
from hptc.program import Program
from tests.tiny_program import tiny_bundle

INPUTS = (torch.linspace(-1, 1, 20).reshape(5, 4),)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


@pytest.fixture(scope="module")
def program(model: nn.Module) -> Program:
    return hptc.compile(model, INPUTS, target="gpu", optimizer="sgd", lr=0.1, time_limit_s=3)


@pytest.mark.parametrize("code", ["import hptc", "import hptc; hptc.load", "import hptc.program"])
def test_importing_loads_neither_torch_nor_onnx(code: str) -> None:
    check = f"import sys\n{code}\nprint(sorted({{'torch', 'onnx', 'ortools'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="'hptc' has no attribute 'compyle'"):
        getattr(hptc, "compyle")  # noqa: B009  (mypy knows that it is not there)


def test_compile_reports_every_phase(program: Program) -> None:
    assert program.report()["trained"] == {
        "full": ["0.weight", "0.bias", "2.weight", "2.bias"],
        "low": [f"{i}.weight.lora_{f}" for i in (0, 2) for f in "ab"],
        "infer": [],
    }


def test_the_gpu_is_known_by_its_kind(model: nn.Module, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(load_target("gpu").toml.replace("devices.gpu", "devices.a100"))
    for target, name in ((str(own), "a100"), ("systolic", load_target("gpu").name)):
        made = hptc.compile(model, INPUTS, target=target, phases=("infer",), time_limit_s=2)
        figures = made.report()["phases"]["infer"]
        assert figures["all_gpu"] == name
        assert name in figures["baselines"]


def test_options_are_checked(model: nn.Module) -> None:
    with pytest.raises(UsageError, match="--loss: expected one of mse, l1, huber"):
        hptc.compile(model, INPUTS, loss="l2")
    for count in (0, -5, 1.5):
        with pytest.raises(UsageError, match=f"--steps low={count}: expected an integer"):
            hptc.compile(model, INPUTS, steps={"low": count})


def test_a_saved_program_loads_and_runs(program: Program, tmp_path: Path) -> None:
    program.save(tmp_path / "m.hptc")
    loaded = hptc.load(tmp_path / "m.hptc")
    assert loaded.run("full", seed=3).losses == program.run("full", seed=3).losses
    loaded.visualize(tmp_path / "m.html")
    page = (tmp_path / "m.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "2.weight.lora_b" in page


def test_inference_equals_the_module(program: Program, model: nn.Module) -> None:
    run = program.run("infer", {"in_0": INPUTS[0]})
    assert run.losses == ()
    torch.testing.assert_close(run.outputs["output"], model(*INPUTS).detach())


def test_steps_descend(program: Program) -> None:
    batch: dict[str, Any] = {"in_0": INPUTS[0], "target": np.ones((5, 3), np.float32)}
    losses = program.run("full", batch, steps=5).losses
    assert list(losses) == sorted(losses, reverse=True)
    assert len(set(losses)) == 5


def test_inputs_that_do_not_fit(program: Program) -> None:
    with pytest.raises(InvalidInputError, match=r"\(in memory\).*an array for 'target'"):
        program.run("full", {"in_0": INPUTS[0]})
    with pytest.raises(UsageError, match="at least 1"):
        program.run("full", steps=0)
    with pytest.raises(UsageError, match="one of full, low, infer"):
        program.run("half")


def test_verify_compares_with_eager_torch(program: Program) -> None:
    found = program.verify()
    assert found["ok"]
    assert set(found["phases"]) == {"full", "low", "infer"}


def test_train_goes_through_the_switch(program: Program, tmp_path: Path) -> None:
    data = {"in_0": torch.randn(10, 4), "target": torch.ones(10, 3)}
    log = tmp_path / "run.jsonl"
    result = program.train(data, steps=8, switch="at:4", log=log)
    assert (result.steps, result.switched_at) == (8, 4)
    assert len(log.read_text().splitlines()) >= 8


def test_a_window_of_no_steps_is_refused(program: Program) -> None:
    with pytest.raises(UsageError, match="at least 2 steps"):
        program.train({}, window=0)


def test_a_program_without_reference_cannot_be_verified() -> None:
    with pytest.raises(UsageError, match="its reference model"):
        Program(tiny_bundle()).verify()
