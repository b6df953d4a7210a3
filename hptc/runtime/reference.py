"""Oracles for verification: eager torch on the original model, onnxruntime, torch's optimizers."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from hptc.errors import UsageError
from hptc.frontend.capture import Selection
from hptc.frontend.evaluation import evaluated
from hptc.frontend.losses import LossFunction
from hptc.frontend.source import reference_module
from hptc.ir.adapter import Adapter
from hptc.runtime.recorded import recorded
from hptc.runtime.reference_adapters import merged_weights
from hptc.runtime.reference_noise import Replay
from hptc.schedule.model import Bundle

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class EagerStep:
    """What eager torch makes of one step."""

    output: Tensor
    loss: Tensor | None
    gradients: Tensors
    buffers: Tensors
    """After the step."""


@dataclass(frozen=True)
class EagerModel:
    """The original model as a function of named tensors."""

    module: torch.nn.Module
    tied: Mapping[str, str]
    """Other names of a parameter, with the one that the bundle uses."""
    output: int

    def trainable(self) -> tuple[str, ...]:
        """Return the parameters that may be trained, by the names the bundle uses."""
        named = self.module.named_parameters()
        found = (self.tied.get(name, name) for name, item in named if item.requires_grad)
        return tuple(dict.fromkeys(found))

    def weights(self) -> dict[str, Tensor]:
        """Return the parameters and buffers of the original, by the names the bundle uses."""
        named = (*self.module.named_parameters(), *self.module.named_buffers())
        return {self.tied.get(name, name): item.detach() for name, item in named}

    def run(
        self,
        state: Tensors,
        inputs: tuple[Tensor, ...],
        adapters: tuple[Adapter, ...],
        replay: Replay,
        trained: tuple[str, ...] = (),
        loss: tuple[LossFunction, Tensor] | None = None,
    ) -> EagerStep:
        """Run forward, and backward for `trained` if a loss and its target are given.

        With a loss the model trains, and takes its random numbers from `replay`; without, it
        evaluates. Adapted weights enter as one dense matrix, through which autograd finds the
        gradients of the adapters' parts.
        """
        leaves = {name: state[name].clone().requires_grad_() for name in trained}
        given = merged_weights({**state, **leaves}, adapters)
        names = [name for name, _ in self.module.named_parameters()]
        parameters = {name: given[self.tied.get(name, name)] for name in names}
        buffers = {
            name: state.get(name, tensor).clone() for name, tensor in self.module.named_buffers()
        }
        # A normalisation saves the statistics that the end of the model then overwrites.
        with torch.autograd.graph.allow_mutation_on_saved_tensors():
            output = self._forward({**parameters, **buffers}, inputs, loss is not None, replay)
            if loss is None:
                return EagerStep(output, None, {}, {})
            value = loss[0](output, loss[1])
            found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        gradients = {n: g for n, g in zip(leaves, found, strict=True) if g is not None}
        return EagerStep(output.detach(), value.detach(), gradients, buffers)

    def _forward(
        self, held: Tensors, inputs: tuple[Tensor, ...], trains: bool, replay: Replay
    ) -> Tensor:
        module = self.module if trains else evaluated(self.module)
        with torch.set_grad_enabled(trains), replay:
            result = torch.func.functional_call(module, dict(held), inputs)
        output: Tensor = tree_leaves(result)[self.output]
        return output


def eager_model(bundle: Bundle) -> EagerModel:
    """Return the original model of a bundle; raises UsageError if it keeps none."""
    if bundle.reference is None:
        raise UsageError(bundle.name, expected="a bundle with its reference model", found="none")
    options = recorded(bundle)
    module = reference_module(
        bundle.reference.format,
        bundle.reference.data,
        bundle.reference.files,
        options.shape,
        Selection(options.train, options.frozen),
    )
    return EagerModel(module, options.tied, options.output_index)
