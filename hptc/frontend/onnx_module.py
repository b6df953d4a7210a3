"""The imported model as a torch module: parameters under their ONNX names, steps in order."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hptc.frontend.onnx_evaluate import Evaluation
from hptc.frontend.onnx_ops.rule import Value


class Scope(nn.Module):
    """One dotted segment of parameter names."""


class OnnxModule(nn.Module):
    """Runs the steps of an imported graph; `forward` takes the inputs in graph order."""

    def __init__(
        self,
        evaluation: Evaluation,
        parameters: Mapping[str, tuple[Tensor, bool]],
        input_names: tuple[str, ...],
    ) -> None:
        """Store the steps; `parameters` gives each tensor and whether it is trained."""
        super().__init__()
        self.input_names = input_names
        self.output_names = evaluation.outputs
        self.steps = evaluation.steps
        self._homes = {
            name: place_parameter(self, name, nn.Parameter(value, requires_grad=trained))
            for name, (value, trained) in parameters.items()
        }
        read = {name for step in self.steps for name in step.reads} | set(evaluation.outputs)
        self._sequences = {}
        self._constant_names = {}
        self.constants = Scope()
        for name in sorted(read & evaluation.known.keys() - parameters.keys()):
            if any(name in step.outputs for step in self.steps):
                continue
            value = evaluation.known[name]
            if isinstance(value, Tensor):
                leaf = f"c{len(self._constant_names)}"
                setattr(self.constants, leaf, value)
                self._constant_names[name] = leaf
            else:
                self._sequences[name] = value

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in graph order."""
        values: dict[str, Value] = dict(zip(self.input_names, inputs, strict=True))
        values.update(self._sequences)
        for name, (home, leaf) in self._homes.items():
            values[name] = home._parameters[leaf]
        for name, leaf in self._constant_names.items():
            values[name] = getattr(self.constants, leaf)
        for step in self.steps:
            values.update(step(values))
        return tuple(values[name] for name in self.output_names)


def place_parameter(root: nn.Module, name: str, parameter: nn.Parameter) -> tuple[nn.Module, str]:
    """Register a parameter under a dotted name; return the module that holds it, and its key."""
    *path, leaf = name.split(".")
    home = root
    for part in path:
        if part not in home._modules:
            home._modules[part] = Scope()
        home = home._modules[part]
    home._parameters[leaf] = parameter
    return home, leaf
