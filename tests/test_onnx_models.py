"""The nine reference models: outputs, loss, gradients and the set of trained names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from hptc.frontend.onnx import ImportedModel
from tests.reference import reference_dir
from tests.small_onnx import load_onnx

MODELS = [
    "bert",
    "gpt2",
    "patchtst",
    "resnet",
    "st_gman",
    "st_plain",
    "t5",
    "tst",
    "vit",
]


@pytest.fixture(scope="module", params=MODELS)
def case(request: pytest.FixtureRequest) -> tuple[Path, ImportedModel]:
    path = reference_dir("models") / f"{request.param}_tiny.onnx"
    return path, load_onnx(path)


def _loss(path: Path, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if json.loads(path.with_suffix(".json").read_text())["loss"] == "mse":
        return functional.mse_loss(output, target)
    return functional.cross_entropy(output.reshape(-1, output.shape[-1]), target.reshape(-1))


def test_step_matches_the_reference(case: tuple[Path, ImportedModel]) -> None:
    path, model = case
    stored: dict[str, Any] = dict(np.load(path.with_suffix(".npz")))
    inputs = [torch.from_numpy(stored[f"in_{i}"]) for i in range(len(model.input_names))]
    output = model.module(*inputs)[0]
    assert np.abs(output.detach().numpy() - stored["ref_out"]).max() < 1e-5
    loss = _loss(path, output, torch.from_numpy(stored["target"]))
    assert loss.item() == pytest.approx(float(stored["ref_loss"]), abs=1e-6)
    trained = {n: p for n, p in model.module.named_parameters() if p.requires_grad}
    gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))
    expected = {k.removeprefix("grad/"): v for k, v in stored.items() if k.startswith("grad/")}
    _rename_tied(gradients, expected)
    assert gradients.keys() == expected.keys()
    largest = max(np.abs(value).max() for value in expected.values())
    for name, value in expected.items():
        assert np.abs(gradients[name].numpy() - value).max() < 1e-5 * largest, name


def _rename_tied(gradients: dict[str, torch.Tensor], expected: dict[str, Any]) -> None:
    """A tied weight has one of its two names in the file and the other in the reference."""
    for name in expected.keys() - gradients.keys():
        other = [n for n in gradients.keys() - expected.keys() if n == "m.lm_head.weight"]
        gradients[name] = gradients.pop(other[0])


def test_examples_match_onnxruntime(case: tuple[Path, ImportedModel]) -> None:
    path, model = case
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {n: x.numpy() for n, x in zip(model.input_names, model.example_inputs, strict=True)}
    with torch.no_grad():
        outputs = model.module(*model.example_inputs)
    for expected, output in zip(session.run(None, feed), outputs, strict=True):
        assert np.abs(expected - output.numpy()).max() < 1e-5


def test_exports(case: tuple[Path, ImportedModel]) -> None:
    _, model = case
    program = torch.export.export(model.module, model.example_inputs, strict=False)
    names = set(program.graph_signature.parameters)
    assert names == {name for name, _ in model.module.named_parameters()}
    assert not any("aten.item" in str(node.target) for node in program.graph.nodes)
