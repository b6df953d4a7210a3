"""From training to evaluation mode, in a model that was exported while it was training."""

import copy
from collections.abc import Mapping
from typing import Any

import torch

from hptc.frontend.torch import quiet

_EVALUATION = {"train": False, "training": False, "dropout_p": 0.0}
"""Arguments that training and evaluation set in different ways, as evaluation has them."""


def in_evaluation(
    target: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Switch the arguments of a normalisation or dropout from training to evaluation.

    A normalisation that keeps no statistics takes those of the batch in evaluation too.
    """
    schema = getattr(target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema else []
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    keeps_none = "momentum" in given and given.get("running_mean") is None
    if not schema or keeps_none:
        return args, dict(kwargs)
    switched = tuple(_EVALUATION.get(name, arg) for name, arg in zip(names, args, strict=False))
    return switched, {name: _EVALUATION.get(name, arg) for name, arg in kwargs.items()}


def evaluated(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module that evaluates: a changed copy of one that was exported."""
    if not any(isinstance(part, torch.fx.GraphModule) for part in module.modules()):
        return module
    with quiet():
        module = copy.deepcopy(module)
    for part in module.modules():
        if isinstance(part, torch.fx.GraphModule):
            for node in part.graph.nodes:
                node.args, node.kwargs = in_evaluation(node.target, node.args, node.kwargs)
            part.recompile()
    return module
