"""Running a bundle outside training: some steps of some phases on one set of inputs."""

from collections.abc import Mapping
from pathlib import Path

from cost_models.load import target_from_toml
from hptc.errors import UsageError
from hptc.ir.graph import Phase
from hptc.runtime.data import input_aliases, load_inputs, seeded_inputs
from hptc.runtime.devices.reram import reram_numerics
from hptc.runtime.execute import EXACT
from hptc.runtime.kernels import Numerics
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


def run_phases(
    bundle: Bundle,
    phase: str | None,
    *,
    steps: int,
    inputs: Path | None,
    seed: int,
    numerics: str = "ideal",
) -> dict[str, object]:
    """Run `steps` steps of each phase on the same inputs; returns losses and modelled costs."""
    found = {}
    for item in chosen_phases(bundle, phase):
        graph = bundle.phases[item].graph
        if inputs is None:
            values = seeded_inputs(graph, seed)
        else:
            values = dict(load_inputs(inputs, graph, input_aliases(bundle)).values)
        computes = device_numerics(bundle, item, numerics)
        session = Session(bundle, item, initial_state(bundle, item), computes)
        lr = float(str(bundle.options["lr"]))
        results = [session.step(values, lr) for _ in range(steps)]
        found[item.value] = {
            "steps": steps,
            "losses": [r.outputs["loss"].item() for r in results if "loss" in r.outputs],
            "instructions": sum(result.instructions for result in results),
            "modelled_ns": session.entry_charge.time_ns + steps * session.step_charge.time_ns,
            "modelled_pj": session.entry_charge.energy_pj + steps * session.step_charge.energy_pj,
        }
    return {"phases": found}
