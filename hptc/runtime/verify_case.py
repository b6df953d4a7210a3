"""One step of a phase, run twice: by its schedule, and by eager torch on the original model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend.accumulate import micro_batches
from hptc.ir.adapter import Adapter, Part, Scheme, Start
from hptc.ir.graph import STEP_INPUTS, Graph, Phase
from hptc.ir.names import LR, STEP, TARGET
from hptc.runtime.execute import Machine, StepResult
from hptc.runtime.inputs import RunInputs, model_inputs, seeded_inputs
from hptc.runtime.loss import loss_of, target_rule
from hptc.runtime.recorded import recorded
from hptc.runtime.reference import EagerModel, EagerStep
from hptc.runtime.reference_accumulate import accumulated
from hptc.runtime.reference_adapters import merged_weights
from hptc.runtime.reference_noise import Replay, drawn, drawn_values
from hptc.runtime.transition import State, initial_state, leaving
from hptc.schedule.model import Bundle

_SPREAD = 0.1
"""Of a part that starts at zero, times the scale of the adapter: a wilder draw inflates the loss
of deep models until float32 rounding alone breaks the absolute limit."""


@dataclass(frozen=True)
class Case:
    """One step of one phase, as the schedule ran it and as the oracle did."""

    bundle: Bundle
    graph: Graph
    state: State
    """What the step starts from: weights of the original, adapters of the bundle."""
    new_state: State
    result: StepResult
    gradients: Mapping[str, Tensor]
    inputs: tuple[tuple[Tensor, ...], ...]
    """Of each micro-batch."""
    weights: Mapping[str, Tensor]
    """State with adapters merged."""
    eager: EagerStep
    given: RunInputs | None


def run_case(
    bundle: Bundle, phase: Phase, model: EagerModel, given: RunInputs | None, seed: int
) -> Case:
    """Run a step of a phase by its schedule, and by eager torch on the original model.

    Args:
        bundle: The compiled program.
        phase: One of its phases.
        model: The original.
        given: Inputs of the step, or None to draw them from `seed`.
        seed: Of inputs, and of adapters that would start at zero.
    """
    graph = bundle.phases[phase].graph
    adapters = leaving(bundle, phase).adapters
    held = _starting_state(bundle, phase, adapters, seed)
    state = {**held, **model.weights()}
    batch = seeded_inputs(graph, seed, target=target_rule(bundle))
    if given is not None:
        batch = next(given.micro_batches())
    options = recorded(bundle)
    training = phase is not Phase.INFER
    count = options.accumulate if training else 1
    machine = Machine(graph, bundle.phases[phase].schedule)
    machine.enter(held)
    result = _stepped(machine, graph, batch, options.lr)
    trainable, function = _trainable(bundle, phase, model), loss_of(bundle)
    replay = Replay(drawn(graph, result))

    def one_pass(state: Mapping[str, Tensor], part: Mapping[str, Tensor]) -> EagerStep:
        loss = (function, part[TARGET]) if training else None
        return model.run(state, model_inputs(part), adapters, replay, trainable, loss)

    eager = accumulated(one_pass, state, batch, count)
    replay.check_all_taken()
    return Case(
        bundle=bundle,
        graph=graph,
        state=state,
        new_state=machine.leave(),
        result=result,
        gradients={named.name: result.watched[named.value] for named in graph.gradients},
        inputs=tuple(model_inputs(part) for part in micro_batches(batch, count)),
        weights=merged_weights(state, adapters),
        eager=eager,
        given=given if phase is Phase.FULL else None,
    )


def _stepped(machine: Machine, graph: Graph, batch: Mapping[str, Tensor], lr: float) -> StepResult:
    """Run the first step, and watch gradients and random numbers."""
    given = {**batch, LR: torch.tensor(lr), STEP: torch.tensor(1.0)}
    read = {value.name for value in graph.values if value.kind in STEP_INPUTS}
    return machine.step(
        {name: tensor for name, tensor in given.items() if name in read},
        watch=(*(named.value for named in graph.gradients), *drawn_values(graph).values()),
    )


def _starting_state(
    bundle: Bundle, phase: Phase, adapters: tuple[Adapter, ...], seed: int
) -> State:
    """Return the phase's initial state; parts that are trained from zero are drawn instead.

    With B = 0 the gradient of A is zero and a wrong A would go unseen.
    """
    state = initial_state(bundle, phase)
    generator = torch.Generator().manual_seed(seed)
    for adapter in adapters:
        for part in filter(_starts_at_zero, adapter.parts):
            noise = torch.randn(part.shape, generator=generator)
            state[part.name] = (_SPREAD / adapter.scale * noise).to(state[part.name].dtype)
    return state


def _starts_at_zero(part: Part) -> bool:
    return part.is_trained and part.start == Start(Scheme.CONSTANT)


def _trainable(bundle: Bundle, phase: Phase, model: EagerModel) -> tuple[str, ...]:
    """Return what the phase may train, from the original model and the options alone."""
    if phase is Phase.INFER:
        return ()
    able = model.trainable()
    if phase is Phase.FULL:
        return able
    pattern = recorded(bundle).train
    kept = tuple(name for name in able if pattern and re.search(pattern, name))
    adapters = leaving(bundle, phase).adapters
    return (*kept, *(name for item in adapters for name in item.trained))
