"""The tensors that the training step of one phase reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from hptc.frontend.accumulate import step_batch
from hptc.frontend.loss_output import loss_output
from hptc.frontend.optimize import optimizer_state
from hptc.frontend.recipe import Recipe
from hptc.frontend.torch import Model
from hptc.ir.adapter import Adapter, parts_of
from hptc.ir.graph import Phase, ValueKind
from hptc.ir.names import LR, RANDOM_STATE, STEP, TARGET, batch_name


@dataclass(frozen=True)
class StepPlan:
    """What one phase trains and how."""

    phase: Phase
    trained: tuple[str, ...]
    """Model parameters trained as they are."""
    recipe: Recipe
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """Named tensors that enter a step, with the kind of each."""

    tensors: Mapping[str, Tensor]
    kinds: Mapping[str, ValueKind]


def step_inputs(model: Model, plan: StepPlan) -> Inputs:
    """Return the tensors a step reads: model state, adapter factors, moments, rates, batch."""
    found: dict[str, tuple[Tensor, ValueKind]] = {}
    for name, tensor in model.parameters.items():
        found[name] = (tensor.detach(), ValueKind.PARAMETER)
    for name, tensor in model.buffers.items():
        found[name] = (tensor.detach(), ValueKind.BUFFER)
    for name, tensor in part_inputs(plan.adapters).items():
        found[name] = (tensor, ValueKind.PARAMETER)
    for name, tensor in _step_batch(model, plan).items():
        found[name] = (tensor, ValueKind.BATCH)
    if plan.phase is not Phase.INFER:
        for parameter in trained_names(plan):
            state = optimizer_state(plan.recipe.optimizer, parameter, found[parameter][0])
            found |= {name: (zeros, ValueKind.STATE) for name, zeros in state.items()}
        found[RANDOM_STATE] = (torch.tensor(0), ValueKind.RANDOM)
        found[LR] = (torch.tensor(1e-3), ValueKind.HYPER)
        found[STEP] = (torch.tensor(1.0), ValueKind.HYPER)
    return Inputs(
        {name: tensor for name, (tensor, _) in found.items()},
        {name: kind for name, (_, kind) in found.items()},
    )


def part_inputs(adapters: Sequence[Adapter]) -> dict[str, Tensor]:
    """Return the parts of adapters by name: fake tensors, as one may be too big to exist here."""
    mode = FakeTensorMode(
        allow_fallback_kernels=True,
        allow_non_fake_inputs=True,
        shape_env=ShapeEnv(),
        static_shapes=True,
    )
    with mode:
        return {
            part.name: torch.empty(part.shape, dtype=getattr(torch, part.dtype.value))
            for part in parts_of(adapters)
        }


def trained_names(plan: StepPlan) -> tuple[str, ...]:
    """Return what the gradients are of: parameters of the model, and parts of adapters."""
    return plan.trained + tuple(name for adapter in plan.adapters for name in adapter.trained)


def _step_batch(model: Model, plan: StepPlan) -> dict[str, Tensor]:
    inputs = {batch_name(index): tensor for index, tensor in enumerate(model.inputs)}
    if plan.phase is Phase.INFER:
        return inputs
    target = plan.recipe.loss.example_target(loss_output(model, plan.recipe.output))
    return step_batch({**inputs, TARGET: target}, plan.recipe.accumulate)
