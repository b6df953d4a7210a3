"""What is checked: models of a folder, and modules with reference results from eager torch."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.model_folder import models_of

Arrays = Mapping[str, NDArray[np.generic]]

LOSS_FUNCTIONS = {
    "mse": functional.mse_loss,
    "cross_entropy": lambda output, target: functional.cross_entropy(
        output.flatten(0, -2), target.flatten()
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A model, its loss, and its inputs with reference results."""

    name: str
    model: Path | nn.Module
    inputs: tuple[Tensor, ...] | None
    loss: str
    data: Path | Arrays | None
    """The `.npz` layout of the reference models: `in_0`, ..., `target`, `ref_*`, `grad/*`."""


def folder_cases(folder: Path) -> Iterator[Case]:
    """Yield the ONNX models of a folder."""
    for found in models_of(folder):
        yield Case(found.path.stem, found.path, None, found.loss, found.data)


def module_case(name: str, module: nn.Module, inputs: tuple[Tensor, ...], loss: str) -> Case:
    """Return the case of a module, with results of eager torch on a copy of it."""
    arrays = eager_results(copy.deepcopy(module), inputs, loss)
    return Case(name, module, inputs, loss, arrays)


def eager_results(module: nn.Module, inputs: tuple[Tensor, ...], loss: str) -> Arrays:
    """Return inputs, a drawn target, output, loss and gradients of one step."""
    output = module(*inputs)
    target = _target(output, loss)
    value = LOSS_FUNCTIONS[loss](output, target)
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    found = {f"in_{index}": tensor for index, tensor in enumerate(inputs)}
    found |= {"target": target, "ref_out": output.detach(), "ref_loss": value.detach()}
    pairs = zip(parameters, gradients, strict=True)
    found |= {f"grad/{name}": gradient for name, gradient in pairs if gradient is not None}
    return {name: tensor.numpy() for name, tensor in found.items()}


def _target(output: Tensor, loss: str) -> Tensor:
    if loss == "mse":
        return torch.randn(output.shape)
    return torch.randint(0, output.shape[-1], output.shape[:-1])


def stir(module: nn.Module) -> nn.Module:
    """Move biases from zero and scales from one, where a wrong one might go unseen."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return module
