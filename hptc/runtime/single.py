"""Running a bundle outside training: some steps of some phases on one set of inputs."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from cost_models.load import target_from_toml
from hptc.errors import UsageError
from hptc.frontend.accumulate import joined
from hptc.ir.graph import Phase
from hptc.runtime.arrays import DataFile
from hptc.runtime.data import input_aliases
from hptc.runtime.devices.reram import reram_numerics
from hptc.runtime.execute import EXACT
from hptc.runtime.inputs import load_inputs, seeded_inputs
from hptc.runtime.kernels import Numerics
from hptc.runtime.loss import target_rule
from hptc.runtime.recorded import recorded
from hptc.runtime.session import Session
from hptc.runtime.transition import initial_state
from hptc.schedule.model import Bundle


def chosen_phases(bundle: Bundle, phase: str | None) -> tuple[Phase, ...]:
    """Return the phase that an option names, or all; raises UsageError if it is not there."""
    have = tuple(bundle.phases)
    if phase is None:
        return have
    found = next((item for item in have if item.value == phase), None)
    if found is None:
        names = ", ".join(item.value for item in have)
        raise UsageError(f"--phase {phase}", expected=f"one of {names}", found=repr(phase))
    return (found,)


def device_numerics(bundle: Bundle, phase: Phase, kind: str) -> Mapping[str, Numerics]:
    """Return how each device computes: exactly (`ideal`), or as its hardware does (`device`)."""
    if kind == "ideal":
        return EXACT
    if kind != "device":
        raise UsageError("--numerics", expected="ideal or device", found=repr(kind))
    target = target_from_toml(bundle.phases[phase].target_toml, f"target of {phase.value}")
    return reram_numerics(target)


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """Some steps of one phase on the same inputs."""

    losses: tuple[float, ...]
    """Of each step; empty in `infer`."""
    outputs: Mapping[str, Tensor]
    """Of the last step."""
    instructions: int
    modelled_ns: float
    """Entry to the phase included, as is the energy."""
    modelled_pj: float


def run_phase(
    bundle: Bundle,
    phase: Phase,
    *,
    steps: int,
    inputs: DataFile | None,
    seed: int,
    numerics: str = "ideal",
) -> PhaseRun:
    """Run `steps` steps of a phase on the same inputs, seeded ones if None are given."""
    graph, options = bundle.phases[phase].graph, recorded(bundle)
    rule = target_rule(bundle)
    if inputs is None:
        batches = [seeded_inputs(graph, seed, target=rule)]
    else:
        names = input_aliases(bundle)
        given = load_inputs(inputs, graph, names, options.accumulate, rule)
        batches = list(given.micro_batches())
    computes = device_numerics(bundle, phase, numerics)
    session = Session(bundle, phase, initial_state(bundle, phase), computes)
    results = [session.step(batch, options.lr) for _ in range(steps) for batch in batches]
    last = results[-len(batches) :]
    return PhaseRun(
        losses=tuple(r.outputs["loss"].item() for r in results if "loss" in r.outputs),
        outputs={name: joined([r.outputs[name] for r in last]) for name in last[0].outputs},
        instructions=sum(result.instructions for result in results),
        modelled_ns=session.entry_charge.time_ns + len(results) * session.step_charge.time_ns,
        modelled_pj=session.entry_charge.energy_pj + len(results) * session.step_charge.energy_pj,
    )
