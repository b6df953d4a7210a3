"""The oracle for accumulation: eager passes over the micro-batches of a step, in order."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from hptc.frontend.accumulate import joined, micro_batches
from hptc.runtime.reference import EagerStep

Tensors = Mapping[str, Tensor]


def accumulated(
    run: Callable[[Tensors, Tensors], EagerStep], state: Tensors, batch: Tensors, count: int
) -> EagerStep:
    """Return a step over a batch of `count` micro-batches: the mean of their losses and gradients.

    Args:
        run: A pass from state and micro-batch.
        state: What the first pass starts from; buffers that one leaves enter the next.
        batch: Inputs and target of the whole step.
        count: Number of micro-batches.
    """
    steps: list[EagerStep] = []
    for part in micro_batches(batch, count):
        steps.append(run(state, part))
        state = {**state, **steps[-1].buffers}
    losses = [step.loss for step in steps if step.loss is not None]
    return EagerStep(
        output=joined([step.output for step in steps]),
        loss=_mean(losses) if losses else None,
        gradients={n: _mean([step.gradients[n] for step in steps]) for n in steps[0].gradients},
        buffers=steps[-1].buffers,
    )


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).mean(0)
