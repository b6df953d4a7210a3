"""The imported model as a torch module: weights under their ONNX names, steps in order."""

from collections.abc import Mapping
from typing import Any, cast

import torch.fx.traceback as fx_traceback
from torch import Tensor, nn

from hptc.frontend.onnx_ops.values import Value
from hptc.frontend.onnx_steps import Evaluation
from hptc.frontend.provenance import SOURCE

_RESERVED = frozenset(dir(nn.Module())) | {"_program", "_input_names", "_known", "_homes"}
"""Attributes that a path segment must not hide."""


class Scope(nn.Module):
    """One dotted segment of parameter names.

    A name may be both a parameter and the prefix of others (`a` and `a.b`); attribute access
    then gives the scope, as torch expects when it walks to `a.b`.
    """

    def __getattr__(self, name: str) -> Any:
        scopes = self.__dict__.get("_modules", {})
        return scopes[name] if name in scopes else super().__getattr__(name)


class OnnxModule(Scope):
    """Runs the steps of an imported graph; `forward` takes the inputs in graph order."""

    def __init__(
        self,
        evaluation: Evaluation,
        weights: Mapping[str, Tensor],
        input_names: tuple[str, ...],
    ) -> None:
        """Store the steps; of the `weights`, those that are no parameters become buffers."""
        super().__init__()
        self._program = evaluation
        self._input_names = input_names
        computed = {name for step in evaluation.steps for name in step.outputs}
        read = {name for step in evaluation.steps for name in step.reads}
        read.update(evaluation.outputs)
        known = sorted(read.intersection(evaluation.known) - computed - weights.keys())
        self._known = {name: evaluation.known[name] for name in known}
        self._homes: dict[str, tuple[nn.Module, str]] = {}
        for name, weight in weights.items():
            self._homes[name] = place_weight(self, name, weight)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in graph order."""
        values: dict[str, Value] = dict(zip(self._input_names, inputs, strict=True))
        values.update(self._known)
        for name, (home, leaf) in self._homes.items():
            values[name] = (home._buffers if leaf in home._buffers else home._parameters)[leaf]
        for step in self._program.steps:
            with fx_traceback.annotate({SOURCE: step.source}):
                values.update(step(values))
        return tuple(cast(Tensor, values[name]) for name in self._program.outputs)


def place_weight(root: nn.Module, name: str, weight: Tensor) -> tuple[nn.Module, str]:
    """Register a weight under a dotted name; return the module that holds it, and its key."""
    *path, leaf = registered_name(name).split(".")
    home = root
    for part in path:
        if part not in home._modules:
            home._modules[part] = Scope()
        home = cast(nn.Module, home._modules[part])
    if isinstance(weight, nn.Parameter):
        home._parameters[leaf] = weight
    else:
        home._buffers[leaf] = weight
    return home, leaf


def registered_name(name: str) -> str:
    """Return the name under which the module holds an initializer: nearly always its own.

    A path segment that is empty, or that is an attribute of every module, gets an underscore.

    >>> registered_name("encoder.weight"), registered_name("type.weight"), registered_name("a..b")
    ('encoder.weight', 'type_.weight', 'a._.b')
    """
    *path, leaf = name.split(".")
    scopes = [f"{part}_" if not part or part in _RESERVED else part for part in path]
    return ".".join([*scopes, leaf or "_"])
