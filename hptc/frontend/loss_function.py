"""A loss of the user's own: a function of output and target, recorded by torch.export.

The record, not the function, is what is compiled, kept in the bundle and verified against.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node

from hptc.errors import HptcError, UsageError
from hptc.frontend.losses import Loss, LossFunction, parse_loss
from hptc.frontend.pt2 import eager_module, write_pt2
from hptc.frontend.torch import first_line, quiet

CUSTOM = "custom"
"""Stands for the name of such a loss in the record of a compilation."""


@dataclass(frozen=True)
class OwnLoss:
    """What `loss=function, example_target=tensor` asks for."""

    function: LossFunction
    target: Tensor | None
    """None for one like the output."""


@dataclass(frozen=True)
class RecordedLoss:
    """A loss function as operations, for the shapes of one model."""

    program: ExportedProgram
    target: Tensor

    @cached_property
    def module(self) -> nn.Module:
        """The record as a module."""
        return eager_module(self.program)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        loss: Tensor = self.module(output, target)
        return loss

    def example_target(self, output: Tensor) -> Tensor:
        """Return the target that the record was made with."""
        del output
        return self.target

    def to_bytes(self) -> bytes:
        """Return the record as a bundle keeps it."""
        return write_pt2(self.program)


def given_loss(loss: str | LossFunction, example_target: Tensor | None) -> Loss | OwnLoss:
    """Return a loss by its name, or one of the user's own with a target like the example.

    Raises UsageError for an unknown name, or one with an example.
    """
    if not isinstance(loss, str):
        return OwnLoss(loss, example_target)
    if example_target is not None:
        raise UsageError(
            "example_target",
            expected="none where the loss has a name: its target follows from the output",
            found=f"a tensor beside the loss {loss!r}",
        )
    return parse_loss(loss)


class _Loss(nn.Module):
    """A loss function as a module, which owns what the function owns if it is one itself."""

    def __init__(self, function: LossFunction) -> None:
        super().__init__()
        self.function = function

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.function(output, target)


def record_loss(own: OwnLoss, output: Tensor) -> RecordedLoss:
    """Record a loss function for an output like the one given.

    Raises:
        UsageError: torch.export cannot record it, or the record is no scalar function of output and
            target alone.
    """
    target = torch.zeros_like(output) if own.target is None else own.target.detach()
    module = _Loss(own.function)
    try:
        with quiet():
            program = torch.export.export(module, (output, target), strict=False)
            program = program.run_decompositions({})
    except HptcError:
        raise
    except Exception as error:  # torch.export and the function raise many unrelated types
        raise _refused(
            "a function loss(output, target) that torch.export can record",
            f"{type(error).__name__}: {first_line(error)}",
        ) from error
    for found in _faults(module, program):
        raise _refused("a scalar that depends on output and target alone", found)
    return RecordedLoss(program, target)


def _refused(expected: str, found: str) -> UsageError:
    return UsageError(
        "loss",
        expected=expected,
        found=found,
        hint="Tensor operations of fixed shapes will do; pass example_target where the target is "
        "not like the output.",
    )


def _faults(module: nn.Module, program: ExportedProgram) -> Iterator[str]:
    """Yield what makes a record unfit."""
    results = list(program.graph_signature.output_specs)
    if any(spec.kind.name != "USER_OUTPUT" for spec in results):
        yield "one that changes state of its own"
    values = [getattr(item, "meta", {}).get("val") for item in program.graph.output_node().args[0]]
    if len(values) != 1 or not isinstance(values[0], Tensor):
        yield f"{len(values)} results" if len(values) != 1 else "no tensor"
    elif values[0].dim() or not values[0].is_floating_point():
        yield f"{values[0].dtype} of shape {list(values[0].shape)}"
    if any(parameter.requires_grad for parameter in module.parameters()):
        yield "parameters of its own, which belong into the model"
    if any(_is_random(node) for node in program.graph.nodes):
        yield "random numbers"


def _is_random(node: Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
