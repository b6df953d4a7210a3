"""Checks a compiled program against the original model, by oracles that share none of its parts.

Each phase runs one step by its schedule. Loss, gradients and outputs are compared with eager torch
on the model kept in the bundle, where an adapter has another form than the compiled one; updates
with torch's own optimizer on equal gradients; outputs with onnxruntime too where the original is an
ONNX model.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from hptc.errors import UsageError
from hptc.frontend.accumulate import joined, micro_batches
from hptc.ir.adapter import Adapter, Part, Scheme, Start
from hptc.ir.graph import Graph, Phase
from hptc.ir.names import LR, STEP, TARGET
from hptc.runtime.arrays import DataFile
from hptc.runtime.data import input_aliases
from hptc.runtime.distance import distance, relative_error, worst
from hptc.runtime.execute import Machine, StepResult
from hptc.runtime.inputs import RunInputs, load_inputs, model_inputs, seeded_inputs
from hptc.runtime.loss import loss_of, target_rule
from hptc.runtime.onnx_oracle import onnxruntime_output
from hptc.runtime.recorded import recorded
from hptc.runtime.reference import (
    EagerModel,
    EagerStep,
    eager_model,
)
from hptc.runtime.reference_accumulate import accumulated
from hptc.runtime.reference_adapters import merged_weights
from hptc.runtime.reference_noise import Replay, drawn, drawn_values
from hptc.runtime.reference_optimizer import Updating, optimizer_update
from hptc.runtime.single import chosen_phases
from hptc.runtime.transition import State, initial_state, leaving
from hptc.schedule.model import Bundle

LIMITS: Mapping[str, float] = {
    "loss_abs_err": 1e-5,
    "grad_max_rel_err": 1e-4,
    "update_max_rel_err": 1e-5,
    "output_max_abs_err": 1e-4,
}
_SPREAD = 0.1
"""Of a part that starts at zero, times the scale of the adapter: a wilder draw inflates the loss
of deep models until float32 rounding alone breaks the absolute limit."""


@dataclass(frozen=True, slots=True)
class PhaseCheck:
    """Differences found in one phase; None where the phase has no such thing."""

    loss_abs_err: float | None
    grad_max_rel_err: float | None
    """Of the largest gradient in the phase."""
    update_max_rel_err: float | None
    """Of the largest parameter."""
    output_max_abs_err: float
    trained_names_match: bool
    instructions: int
    onnxruntime: bool
    """Whether onnxruntime could run the model, and is among the oracles of the output."""

    @property
    def ok(self) -> bool:
        """Whether every difference is within its limit (a NaN is not)."""
        found = ((getattr(self, name), limit) for name, limit in LIMITS.items())
        return self.trained_names_match and all(e is None or e <= limit for e, limit in found)


def verify_phases(
    bundle: Bundle, phase: str | None = None, *, inputs: DataFile | None = None, seed: int = 0
) -> dict[str, object]:
    """Run and compare one step of each phase; returns the object of `run --verify --json`.

    Args:
        bundle: A bundle that keeps its reference model.
        phase: The one phase to check, or None for all.
        inputs: An `.npz` file of inputs and expected results, or None for seeded inputs.
        seed: Of the seeded inputs.

    Raises:
        UsageError: The bundle keeps no reference, or lacks the phase.
    """
    if bundle.reference is None:
        raise UsageError(bundle.name, expected="a bundle with its reference model", found="none")
    model = eager_model(bundle)
    phases = chosen_phases(bundle, phase)
    given = {}
    if inputs is not None:
        names, count = input_aliases(bundle), recorded(bundle).accumulate
        rule = target_rule(bundle)
        given = {p: load_inputs(inputs, bundle.phases[p].graph, names, count, rule) for p in phases}
    checks = {p: _check_phase(bundle, p, model, given.get(p), seed) for p in phases}
    oracles = ["torch-autograd", "torch-optimizer"]
    oracles += ["onnxruntime"] if all(check.onnxruntime for check in checks.values()) else []
    oracles += ["inputs-file"] if any(item.gradients for item in given.values()) else []
    return {
        "ok": all(check.ok for check in checks.values()),
        "reference": oracles,
        "limits": dict(LIMITS),
        "phases": {item.value: {**asdict(c), "ok": c.ok} for item, c in checks.items()},
    }


@dataclass(frozen=True)
class _Case:
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


def _check_phase(
    bundle: Bundle, phase: Phase, model: EagerModel, given: RunInputs | None, seed: int
) -> PhaseCheck:
    case = _run_case(bundle, phase, model, given, seed)
    training = phase is not Phase.INFER
    other = _by_onnxruntime(case)
    return PhaseCheck(
        loss_abs_err=_loss_error(case) if training else None,
        grad_max_rel_err=_gradient_error(case) if training else None,
        update_max_rel_err=_update_error(case) if training else None,
        output_max_abs_err=_output_error(case, other),
        trained_names_match=_names_match(case),
        instructions=case.result.instructions,
        onnxruntime=other is not None,
    )


def _run_case(
    bundle: Bundle, phase: Phase, model: EagerModel, given: RunInputs | None, seed: int
) -> _Case:
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
    rates = {LR: torch.tensor(options.lr), STEP: torch.tensor(1.0)} if training else {}
    read = {value.name for value in graph.values}
    machine = Machine(graph, bundle.phases[phase].schedule)
    machine.enter(held)
    result = machine.step(
        {name: tensor for name, tensor in {**batch, **rates}.items() if name in read},
        watch=(*(named.value for named in graph.gradients), *drawn_values(graph).values()),
    )
    trainable, function = _trainable(bundle, phase, model), loss_of(bundle)
    replay = Replay(drawn(graph, result))

    def one_pass(state: Mapping[str, Tensor], part: Mapping[str, Tensor]) -> EagerStep:
        loss = (function, part[TARGET]) if training else None
        return model.run(state, model_inputs(part), adapters, replay, trainable, loss)

    eager = accumulated(one_pass, state, batch, count)
    replay.check_all_taken()
    return _Case(
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


def _loss_error(case: _Case) -> float:
    loss = case.result.outputs["loss"].item()
    known = [case.eager.loss, case.given.ref_loss if case.given else None]
    return worst(abs(loss - float(item)) for item in known if item is not None)


def _gradient_error(case: _Case) -> float:
    stored = case.given.gradients if case.given is not None else {}
    from_file = {
        name: torch.from_numpy(array) for name, array in stored.items() if name in case.gradients
    }
    return max(
        relative_error(case.gradients, case.eager.gradients),
        relative_error(case.gradients, from_file),
    )


def _update_error(case: _Case) -> float:
    """Compare trained parameters with torch's optimizer, and buffers with eager torch."""
    options = recorded(case.bundle)
    how = Updating(options.optimizer, options.lr, options.clip_norm)
    expected = optimizer_update(how, case.state, case.gradients)
    buffers = {n: t for n, t in case.eager.buffers.items() if n in case.new_state}
    return max(relative_error(case.new_state, expected), relative_error(case.new_state, buffers))


def _by_onnxruntime(case: _Case) -> Tensor | None:
    parts = [onnxruntime_output(case.bundle, case.weights, inputs) for inputs in case.inputs]
    found = [torch.from_numpy(part) for part in parts if part is not None]
    return joined(found) if len(found) == len(parts) else None


def _output_error(case: _Case, other: Tensor | None) -> float:
    output = case.result.outputs["output"]
    known = [case.eager.output]
    known += [] if other is None else [other]
    if case.given is not None and case.given.ref_out is not None:
        known.append(torch.from_numpy(case.given.ref_out))
    return worst(distance(output, item) for item in known)


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


def _names_match(case: _Case) -> bool:
    """Whether exactly the parameters that the loss depends on are trained.

    A reference file may hold a tied weight under its other name, or a matrix as it was before an
    exporter transposed it: then its gradient tells.
    """
    trained = set(case.graph.trained)
    matches = trained == set(case.eager.gradients)
    if case.given is None or not case.given.gradients:
        return matches
    stored = {name: torch.from_numpy(array) for name, array in case.given.gradients.items()}
    unpaired = trained - set(stored)
    for name in set(stored) - trained:
        twin = next((n for n in unpaired if _is_same(case.gradients[n], stored[name])), None)
        unpaired.discard(str(twin))
        matches = matches and twin is not None
    return matches and not unpaired


def _is_same(found: Tensor, expected: Tensor) -> bool:
    forms = (found, found.t()) if found.dim() == 2 else (found,)  # noqa: PLR2004  (a matrix)
    return any(relative_error({"": f}, {"": expected}) <= LIMITS["grad_max_rel_err"] for f in forms)
