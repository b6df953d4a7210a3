"""What a whole training costs: steps, programming, what stays programmed, and what is moved."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hptc.cost import CrossbarUse
from hptc.ir.graph import Graph, Phase, Update, ValueKind
from hptc.ir.tasks import tasks_of
from hptc.partition.goal import Objective
from hptc.partition.training.outcome import Answer, Outcome, TrainingSolution, outcome
from hptc.partition.training.problem import Charge
from hptc.schedule.model import Transition
from hptc.schedule.pose import pose
from hptc.schedule.pose_training import PosedTraining, pose_training
from hptc.schedule.priced import Priced
from hptc.schedule.training import all_gpu_training, objective_report, training_report
from tests import schedule_examples as ex

FROZEN = replace(ex.STEP, phase=Phase.INFER, updates=())
STEPS = {Phase.LOW: 7, Phase.INFER: 20}
ACROSS = Transition(Phase.LOW, Phase.INFER, {"b": "b", "w0": "w0"})
"""The optimizer state is not carried on."""
HELD = {"linear": "xbar", "loss": "gpu", "backward": "sys", "optimizer": "gpu"}


def priced(graph: Graph, use: CrossbarUse = ex.MATRIX, toml: str = "") -> Priced:
    costs = ex.costs()
    gpu, xbar, sys = costs.devices
    linear = xbar.tasks["linear"]
    assert linear is not None
    held = replace(xbar, tasks={**xbar.tasks, "linear": replace(linear, crossbars=use)})
    costs, target = replace(costs, devices=(gpu, held, sys)), replace(ex.target(), toml=toml)
    tasks = tasks_of(graph)
    return Priced(graph, target, tasks, costs, pose(graph, tasks, costs, target))


def posed(
    first: Priced, second: Priced, across: Transition = ACROSS, steps: Mapping[Phase, int] = STEPS
) -> PosedTraining:
    return pose_training({Phase.LOW: first, Phase.INFER: second}, [across], steps)


def taken(found: PosedTraining, *devices: Mapping[str, str]) -> Outcome:
    pairs = zip(found.training.stages, found.priced, devices, strict=True)
    answers = [Answer.of(stage, ex.assign(phase.posed, at)) for stage, phase, at in pairs]
    return outcome(found.training, answers)


def test_what_nothing_writes_stays_programmed_in_as_many_copies() -> None:
    twice = replace(ex.MATRIX, copies=2, crossbars=4, cells=80)
    uses = {"one": ex.MATRIX, "two": twice, "other": replace(ex.MATRIX, cells=41)}
    kept = {
        (a, b): posed(priced(ex.STEP, uses[a]), priced(FROZEN, uses[b])).training.stages[1].kept
        for a, b in (("one", "one"), ("two", "one"), ("one", "two"), ("one", "other"))
    }
    same = {0: frozenset({0})}
    assert list(kept.values()) == [same, same, {}, {}]


def test_what_is_merged_trained_or_elsewhere_is_programmed_again() -> None:
    merge = replace(ex.STEP, updates=(Update("w0", "w0_new"),))
    first, second = priced(ex.STEP), priced(FROZEN)
    assert posed(first, second, replace(ACROSS, merge=merge)).training.stages[1].kept == {}
    assert posed(first, priced(FROZEN, toml="another")).training.stages[1].kept == {}
    trained = priced(replace(ex.STEP, updates=(*ex.STEP.updates, Update("w0", "g_h"))))
    assert posed(trained, second).training.stages[1].kept == {}


def test_what_the_steps_write_is_not_programmed_at_the_entry() -> None:
    written = priced(FROZEN, replace(ex.MATRIX, writes_per_step=1), toml="another")
    low, infer = taken(posed(priced(ex.STEP), written), HELD, HELD).switches
    assert (low.programmed, low.programming) == ((0,), Charge(100, 7.0))
    assert (infer.programmed, infer.programming) == ((), Charge())


def test_a_trained_state_goes_where_the_next_phase_reads_it() -> None:
    found = posed(priced(ex.STEP), priced(FROZEN))
    assert found.states == ("b",)
    (state,) = found.training.states
    assert found.priced[0].tasks[state.task].name == "optimizer"
    readers = [found.priced[1].tasks[task].name for task in state.readers[0][1]]
    assert readers == ["linear", "optimizer"]
    assert state.moves[0, 1].time_ns == 4
    assert state.moves[0, 1].energy_pj == 8 * 2.0


def test_a_state_that_both_phases_train_goes_from_home_to_home() -> None:
    again = replace(ex.STEP, phase=Phase.INFER)
    state = posed(priced(ex.STEP), priced(again)).training.states[0]
    assert state.readers == ((1, (state.task,)),)
    assert posed(priced(ex.STEP), priced(again, toml="another")).states == ()
    assert posed(priced(ex.STEP), priced(again), replace(ACROSS, copies={})).states == ()


def test_folded_results_are_seen_through() -> None:
    values = tuple(
        replace(v, kind=ValueKind.PARAMETER) if v.name == "w0" else v for v in ex.STEP.values
    )
    trains = priced(replace(ex.STEP, values=values, updates=(Update("w0", "g_h"),)))
    found = posed(trains, priced(FROZEN))
    assert found.states == ("w0",)
    assert [found.priced[1].tasks[t].name for t in found.training.states[0].readers[0][1]] == [
        "linear"
    ]


def test_the_report_adds_up() -> None:
    found = posed(priced(ex.STEP), priced(FROZEN))
    done = taken(found, HELD, HELD | {"optimizer": "sys"})
    report = training_report(found, done)
    low, infer = report["phases"].values()  # type: ignore[attr-defined]  # JSON
    assert (low["steps"], low["step_latency_ns"]) == (7, 69)
    assert (low["programmed"], low["kept"], low["moved"]) == (("xbar/w0",), (), ())
    assert (low["entry_latency_ns"], low["program_ns"], low["program_nj"]) == (100, 100, 0.007)
    assert low["latency_ns"] == 100 + 7 * 69
    power_w = (
        sum(
            found.training.stages[0].problem.devices[d].static_power_pj_per_ns
            for d in {mode.device for mode in done.answers[0].choice}
        )
        / 1000
    )
    assert low["static_nj"] == pytest.approx(100 * power_w)
    assert low["entry_energy_nj"] == pytest.approx(0.007 + low["static_nj"])
    assert low["energy_nj"] == pytest.approx(low["entry_energy_nj"] + 7 * low["step_energy_nj"])
    assert (infer["programmed"], infer["kept"]) == ((), ("xbar/w0",))
    assert infer["moved"] == ("b: gpu->xbar", "b: gpu->sys")
    assert (infer["entry_latency_ns"], infer["move_ns"], infer["move_nj"]) == (8, 8, 0.032)
    assert report["latency_ns"] == low["latency_ns"] + infer["latency_ns"]
    assert report["energy_nj"] == pytest.approx(low["energy_nj"] + infer["energy_nj"])


def test_a_phase_without_steps_is_left_out() -> None:
    found = posed(priced(ex.STEP), priced(FROZEN), steps={Phase.INFER: 3})
    assert (found.phases, found.states, len(found.training.stages)) == ((Phase.INFER,), (), 1)
    assert posed(priced(ex.STEP), priced(FROZEN), steps={}).phases == ()


def test_what_placing_together_saves_is_told() -> None:
    found = posed(priced(ex.STEP), priced(FROZEN))
    apart, best = taken(found, HELD, HELD | {"optimizer": "sys"}), taken(found, HELD, HELD)
    solution = TrainingSolution(
        best, apart, best.value(Objective.LATENCY), apart.value(Objective.LATENCY) / 2
    )
    report = objective_report(Objective.LATENCY, solution)
    assert (report["objective"], report["objective_unit"]) == ("latency", "ns")
    assert report["objective_value"] == best.time_ns
    assert report["objective_bound"] == apart.time_ns / 2
    assert report["saved"] == pytest.approx(1 - best.time_ns / apart.time_ns)


def test_all_gpu_takes_the_same_steps() -> None:
    alone = {"baselines": {"gpu": {"latency_ns": 1000, "energy_nj": 2.0}}, "all_gpu": "gpu"}
    reports, steps = {"full": alone, "low": alone}, {"full": 7, "low": 20}
    assert all_gpu_training(steps, reports) == {"latency_ns": 27_000, "energy_nj": 54.0}
    assert all_gpu_training(steps, reports | {"low": alone | {"baselines": {}}}) is None
