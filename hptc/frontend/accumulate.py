"""Gradient accumulation: one step takes several micro-batches, one after the other.

Inputs and target of the step are that many times as long along their common leading axis, and each
slice of them runs forward and backward on its own. The losses count in equal parts, so that their
gradients add up to those of the mean.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor

from hptc.errors import UsageError
from hptc.frontend.provenance import SOURCE, STAGE

LIMIT = 1024
"""Micro-batches in a step; its graph grows with them."""


def check_micro_batches(count: int) -> int:
    """Return a number of micro-batches; raises UsageError if it makes no sense."""
    if not 1 <= count <= LIMIT:
        raise UsageError(
            "--accumulate",
            expected=f"1 to {LIMIT} micro-batches",
            found=str(count),
            hint="The graph of a step grows with them; the batch of the example inputs may too.",
        )
    return count


def step_batch(example: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Return the batch of a step of `count` micro-batches like the example.

    Raises:
        UsageError: There is no leading axis of the same extent in all of them.
    """
    if count == 1:
        return dict(example)
    leading = {tuple(tensor.shape[:1]) for tensor in example.values()}
    if len(leading) > 1 or leading == {()}:
        raise UsageError(
            f"--accumulate {count}",
            expected="inputs and target with one leading batch axis, which micro-batches divide",
            found=", ".join(f"{name} of shape {list(t.shape)}" for name, t in example.items()),
            hint="Give every input the batch as its first axis, or leave --accumulate out.",
        )
    return {name: torch.cat([tensor] * count) for name, tensor in example.items()}


def micro_batches(batch: Mapping[str, Tensor], count: int) -> Iterator[dict[str, Tensor]]:
    """Yield the micro-batches of a step's batch, in order."""
    if count == 1:
        yield dict(batch)
        return
    for index in range(count):
        yield {name: _part(tensor, index, count) for name, tensor in batch.items()}


def _part(tensor: Tensor, index: int, count: int) -> Tensor:
    extent = len(tensor) // count
    with fx_traceback.annotate({SOURCE: "accumulate"}):
        return tensor[index * extent : (index + 1) * extent]


@dataclass(frozen=True)
class Pass:
    """What forward and backward of a micro-batch give, or of all of them."""

    output: Tensor
    loss: Tensor
    """Its part of the mean, as are the gradients."""
    buffers: Mapping[str, Tensor]
    """As they are left."""
    gradients: Mapping[str, Tensor]


def combined(passes: Sequence[Pass]) -> Pass:
    """Return the passes of a step as one, with their outputs in a row."""
    with fx_traceback.annotate({SOURCE: "accumulate"}):
        output = joined([part.output for part in passes])
        loss = _sum([part.loss for part in passes])
    with fx_traceback.annotate({STAGE: "backward", SOURCE: "accumulate"}):
        gradients = {n: _sum([part.gradients[n] for part in passes]) for n in passes[0].gradients}
    return Pass(output, loss, passes[-1].buffers, gradients)


def joined(outputs: Sequence[Tensor]) -> Tensor:
    """Return the outputs of micro-batches in a row, as the output of their step."""
    if len(outputs) == 1:
        return outputs[0]
    return torch.cat([output if output.dim() else output.reshape(1) for output in outputs])


def _sum(tensors: Sequence[Tensor]) -> Tensor:
    return reduce(operator.add, tensors)
