"""The oracle for updates: torch's own optimizers and clipping, fed given gradients."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from hptc.frontend.optimizers import parse_optimizer
from hptc.frontend.optimizers.adafactor import Adafactor
from hptc.frontend.optimizers.adam import Adam, AdamW
from hptc.frontend.optimizers.sgd import Sgd


@dataclass(frozen=True, slots=True)
class Updating:
    """How a bundle updates its parameters."""

    optimizer: str
    """As `--optimizer` has it."""
    lr: float
    clip_norm: float | None = None


def optimizer_update(
    how: Updating, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the parameters that have gradients, after the first step of torch's optimizer."""
    leaves = {name: Parameter(parameters[name].clone()) for name in gradients}
    for name, gradient in gradients.items():
        leaves[name].grad = gradient.clone()
    if how.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(leaves.values(), how.clip_norm)
    # torch's Adafactor divides by the number of elements; nothing is there to update
    torch_optimizer(how, (leaf for leaf in leaves.values() if leaf.numel())).step()
    return {name: leaf.detach() for name, leaf in leaves.items()}


def torch_optimizer(how: Updating, leaves: Iterable[Parameter]) -> torch.optim.Optimizer:
    """Return torch's optimizer of the same settings; each parameter is a group of its own."""
    groups = [{"params": [leaf]} for leaf in leaves]
    rule = parse_optimizer(how.optimizer)
    match rule:
        case Sgd():
            return torch.optim.SGD(
                groups,
                lr=how.lr,
                momentum=rule.momentum,
                dampening=rule.dampening,
                weight_decay=rule.weight_decay,
                nesterov=rule.nesterov,
            )
        case Adam():
            kind = torch.optim.AdamW if isinstance(rule, AdamW) else torch.optim.Adam
            return kind(
                groups,
                lr=how.lr,
                betas=(rule.beta1, rule.beta2),
                eps=rule.eps,
                weight_decay=rule.weight_decay,
            )
        case Adafactor():
            return torch.optim.Adafactor(
                groups,
                lr=how.lr,
                beta2_decay=rule.beta2_decay,
                eps=(rule.eps1, rule.eps2),
                d=rule.d,
                weight_decay=rule.weight_decay,
            )
