"""The optimizer's part of a step: state tensors, clipping, and the update of every parameter."""

from collections.abc import Mapping

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor

from hptc.frontend.clip import clip_by_norm
from hptc.frontend.optimizers import Optimizer
from hptc.frontend.provenance import SOURCE, STAGE
from hptc.frontend.recipe import Recipe
from hptc.ir.names import LR, STEP, state_name


def optimizer_state(optimizer: Optimizer, name: str, parameter: Tensor) -> dict[str, Tensor]:
    """Return what the optimizer keeps of a parameter before the first step, by value name."""
    slots = optimizer.slots(tuple(parameter.shape))
    return {
        state_name(slot, name): torch.zeros(shape, dtype=parameter.dtype)
        for slot, shape in slots.items()
    }


def optimize(
    recipe: Recipe, given: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return what parameters and optimizer state become.

    Args:
        recipe: Optimizer and clipping.
        given: Parameters, optimizer state, rate and count by value name.
        gradients: By parameter name.
    """
    optimizer = recipe.optimizer
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        with fx_traceback.annotate({STAGE: "optimizer", SOURCE: "optimizer"}):
            scalars = optimizer.shared(given[LR], given[STEP])
            if recipe.clip_norm is not None:
                gradients = clip_by_norm(gradients, recipe.clip_norm)
        for name, gradient in gradients.items():
            slots = optimizer.slots(tuple(given[name].shape))
            state = {slot: given[state_name(slot, name)] for slot in slots}
            with fx_traceback.annotate({STAGE: "optimizer", SOURCE: f"optimizer/{name}"}):
                new, new_state = optimizer.update(given[name], gradient, state, scalars)
                after = {name: new} | {state_name(slot, name): t for slot, t in new_state.items()}
                # The shared scalars are float32, to which those of half precision are promoted.
                found |= {key: tensor.to(given[key].dtype) for key, tensor in after.items()}
    return found
