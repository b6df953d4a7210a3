"""What a whole training costs: steps, programming, and what stays programmed."""

from dataclasses import replace

from hptc.ir.graph import Phase
from hptc.schedule.model import CompiledPhase, InstructionKind
from hptc.schedule.training import all_gpu_training, training_cost
from tests.tiny_program import WEIGHT, tiny_bundle

STEPS = {Phase.FULL: 7, Phase.LOW: 20}
AT = f"gpu/{WEIGHT}"


def placed(compiled: CompiledPhase, program: CompiledPhase) -> CompiledPhase:
    """Return a phase that programs at its entry what another one programs, in crossbars."""
    done = [i for i in program.schedule.prologue if i.kind is InstructionKind.PROGRAM]
    rest = [i for i in compiled.schedule.prologue if i.kind is not InstructionKind.PROGRAM]
    named = [replace(i, resource=AT) for i in done]
    return replace(compiled, schedule=replace(compiled.schedule, prologue=(*rest, *named)))


def phases() -> dict[Phase, CompiledPhase]:
    found = dict(tiny_bundle().phases)
    low = found[Phase.LOW]
    return found | {phase: placed(found[phase], low) for phase in (Phase.LOW, Phase.INFER)}


def test_steps_and_programming_add_up() -> None:
    cost = training_cost(tiny_bundle().phases, tiny_bundle().transitions, STEPS)
    assert list(cost.phases) == ["full", "low"]
    full, low = cost.phases.values()
    assert (full.latency_ns, full.energy_nj, full.entry_latency_ns) == (700, 7.0, 0)
    assert (low.entry_latency_ns, low.entry_energy_nj) == (500, 0.7)
    assert (low.latency_ns, low.energy_nj) == (500 + 20 * 10, 0.7 + 20 * 0.05)
    assert (cost.latency_ns, cost.energy_nj) == (700 + 700, 7.0 + 1.7)


def test_a_matrix_that_is_merged_into_is_programmed_again() -> None:
    steps = {**STEPS, Phase.INFER: 1}
    cost = training_cost(phases(), tiny_bundle().transitions, steps)
    infer = cost.phases["infer"]
    assert (infer.programmed, infer.kept, infer.entry_latency_ns) == ((AT,), (), 500)


def test_a_matrix_that_nothing_writes_stays_programmed() -> None:
    steps = {**STEPS, Phase.INFER: 1}
    infer = training_cost(phases(), (), steps).phases["infer"]
    assert (infer.programmed, infer.kept, infer.entry_energy_nj) == ((), (AT,), 0.0)
    other = phases()
    other[Phase.INFER] = replace(other[Phase.INFER], target_toml="another")
    assert training_cost(other, (), steps).phases["infer"].kept == ()


def test_a_matrix_that_its_phase_trains_is_programmed_again() -> None:
    found = phases()
    order = {phase: placed(found[phase], found[Phase.LOW]) for phase in (Phase.FULL, Phase.LOW)}
    assert training_cost(order, (), STEPS).phases["low"].programmed == (AT,)


def test_all_gpu_takes_the_same_steps() -> None:
    cost = training_cost(tiny_bundle().phases, (), STEPS)
    alone = {"baselines": {"gpu": {"latency_ns": 1000, "energy_nj": 2.0}}, "all_gpu": "gpu"}
    reports = {"full": alone, "low": alone}
    assert all_gpu_training(cost, reports) == {"latency_ns": 27_000, "energy_nj": 54.0}
    assert all_gpu_training(cost, reports | {"low": alone | {"baselines": {}}}) is None


def test_no_steps_cost_nothing() -> None:
    cost = training_cost(tiny_bundle().phases, (), {})
    assert (cost.phases, cost.latency_ns, cost.energy_nj) == ({}, 0, 0)
