"""Checks a compiled program against the original model, by oracles that share none of its parts.

Each phase runs one step by its schedule. Loss, gradients and outputs are compared with eager torch
on the model kept in the bundle, where an adapter has another form than the compiled one; updates
with torch's own optimizer on equal gradients; outputs with onnxruntime too where the original is an
ONNX model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from hptc.errors import UsageError
from hptc.frontend.accumulate import joined
from hptc.ir.graph import Phase
from hptc.runtime.arrays import DataFile
from hptc.runtime.data import input_aliases
from hptc.runtime.distance import distance, relative_error, worst
from hptc.runtime.inputs import RunInputs, load_inputs
from hptc.runtime.loss import target_rule
from hptc.runtime.onnx_oracle import onnxruntime_output
from hptc.runtime.recorded import recorded
from hptc.runtime.reference import EagerModel, eager_model
from hptc.runtime.reference_optimizer import Updating, optimizer_update
from hptc.runtime.single import chosen_phases
from hptc.runtime.verify_case import Case, run_case
from hptc.schedule.model import Bundle

LIMITS: Mapping[str, float] = {
    "loss_abs_err": 1e-5,
    "grad_max_rel_err": 1e-4,
    "update_max_rel_err": 1e-5,
    "output_max_abs_err": 1e-4,
}


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


def _check_phase(
    bundle: Bundle, phase: Phase, model: EagerModel, given: RunInputs | None, seed: int
) -> PhaseCheck:
    case = run_case(bundle, phase, model, given, seed)
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


def _loss_error(case: Case) -> float:
    loss = case.result.outputs["loss"].item()
    known = [case.eager.loss, case.given.ref_loss if case.given else None]
    return worst(abs(loss - float(item)) for item in known if item is not None)


def _gradient_error(case: Case) -> float:
    stored = case.given.gradients if case.given is not None else {}
    from_file = {
        name: torch.from_numpy(array) for name, array in stored.items() if name in case.gradients
    }
    return max(
        relative_error(case.gradients, case.eager.gradients),
        relative_error(case.gradients, from_file),
    )


def _update_error(case: Case) -> float:
    """Compare trained parameters with torch's optimizer, and buffers with eager torch."""
    options = recorded(case.bundle)
    how = Updating(options.optimizer, options.lr, options.clip_norm)
    expected = optimizer_update(how, case.state, case.gradients)
    buffers = {n: t for n, t in case.eager.buffers.items() if n in case.new_state}
    return max(relative_error(case.new_state, expected), relative_error(case.new_state, buffers))


def _by_onnxruntime(case: Case) -> Tensor | None:
    parts = [onnxruntime_output(case.bundle, case.weights, inputs) for inputs in case.inputs]
    found = [torch.from_numpy(part) for part in parts if part is not None]
    return joined(found) if len(found) == len(parts) else None


def _output_error(case: Case, other: Tensor | None) -> float:
    output = case.result.outputs["output"]
    known = [case.eager.output]
    known += [] if other is None else [other]
    if case.given is not None and case.given.ref_out is not None:
        known.append(torch.from_numpy(case.given.ref_out))
    return worst(distance(output, item) for item in known)


def _names_match(case: Case) -> bool:
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
