"""An imported ONNX model to the step graph of `infer`, all of its outputs included."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from hptc.frontend.lower import lower
from hptc.frontend.onnx import ImportedModel
from hptc.frontend.onnx_ops.values import Foreign
from hptc.frontend.step_inputs import Inputs
from hptc.frontend.trace import trace
from hptc.frontend.training import Traced
from hptc.ir.graph import Graph, Phase, ValueKind
from hptc.ir.names import batch_name


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands for a tensor that the step computes, by the label of its output."""

    label: str


Result = Slot | Foreign | tuple["Result", ...] | None
"""An output of the model: computed, known at import, a sequence, or an absent optional."""


@dataclass(frozen=True)
class Inference:
    """The step of a model that is only run."""

    graph: Graph
    state: Mapping[str, Tensor]
    """Parameters, buffers and constants by value name."""
    inputs: Mapping[str, str]
    """Value name of each input of the model."""
    results: tuple[Result, ...]
    """The outputs of the model, in order."""


def capture_inference(imported: ImportedModel) -> Inference:
    """Trace an imported model without a detour through torch.export.

    Raises ModelError or UnsupportedOpError where it has no form as a step graph.
    """
    module = imported.module
    parameters = {name: tensor.detach() for name, tensor in module.named_parameters()}
    buffers = dict(module.named_buffers())
    names = {name: batch_name(i) for i, name in enumerate(imported.input_names)}
    batch = dict(zip(names.values(), imported.example_inputs, strict=True))
    kinds = {
        **dict.fromkeys(parameters, ValueKind.PARAMETER),
        **dict.fromkeys(buffers, ValueKind.BUFFER),
        **dict.fromkeys(batch, ValueKind.BATCH),
    }
    inputs = Inputs({**parameters, **buffers, **batch}, kinds)
    found: dict[str, Tensor] = {}
    results: list[Result] = []

    def step(*tensors: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(inputs.tensors, tensors, strict=True))
        state = {name: given[name] for name in (*parameters, *buffers)}
        found.clear()
        with torch.no_grad():
            values = functional_call(module, state, tuple(given[name] for name in batch))
        results[:] = [_placed(value, f"output/{i}", found) for i, value in enumerate(values)]
        return tuple(found.values())

    traced = trace(step, tuple(inputs.tensors.values()), Phase.INFER)
    lowered = lower(Traced(traced, inputs, tuple(found)), Phase.INFER)
    state = {**parameters, **buffers, **lowered.constants}
    return Inference(lowered.graph, state, names, tuple(results))


def _placed(value: object, label: str, found: dict[str, Tensor]) -> Result:
    """Return a value with its tensors put under labels."""
    if isinstance(value, Tensor):
        found[label] = value
        return Slot(label)
    if isinstance(value, tuple):
        return tuple(_placed(item, f"{label}.{i}", found) for i, item in enumerate(value))
    return value if isinstance(value, Foreign) else None
