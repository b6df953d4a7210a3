"""Micro-batches that overlap: their graph, what they take, and the GPU at the same batch."""

from typing import Any

import pytest
import torch

import hptc
from cost_models.larger_batch import enlarged
from cost_models.load import load_target
from cost_models.price import price_device
from cost_models.work import count_work
from hptc.errors import InfeasibleError, UsageError
from hptc.frontend.optimizers import parse_optimizer
from hptc.frontend.recipe import Recipe
from hptc.ir.graph import Graph, Phase, Role, ValueKind
from hptc.ir.tasks import tasks_of
from hptc.micro_batches.model import MicroBatched, places
from hptc.micro_batches.overlap import overlapped, overlapped_at
from hptc.options import make_options
from hptc.partition.check import check
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.period.check import check_periodic
from hptc.partition.period.solve import solve_period
from hptc.partition.problem import Device, Mode, Problem, Task, Value
from hptc.partition.solve import solve
from hptc.schedule.priced import Priced
from passes import PIPELINE, accumulate, run_passes
from passes.accumulate_gradients import once
from tests.evaluate import captured, evaluate
from tests.models import AttentionLayer
from tests.partition_cases import chain_of_blocks

TOKENS, WIDTH = 6, 8
RECIPE = Recipe(optimizer=parse_optimizer("sgd:momentum=0.9"))


def layer_graph(samples: int, phase: Phase = Phase.FULL) -> Graph:
    torch.manual_seed(0)
    x = torch.randn(samples, TOKENS, WIDTH)
    graph = captured(AttentionLayer(WIDTH), (x,), phase, recipe=RECIPE).result.graphs[phase]
    return run_passes(graph, PIPELINE)


def test_gradients_add_up_and_the_optimizer_moves_once() -> None:
    torch.manual_seed(0)
    module, x = AttentionLayer(WIDTH), torch.randn(4, TOKENS, WIDTH)
    target = torch.randn(4, TOKENS, 2)
    step = captured(module, (x,), Phase.FULL, recipe=RECIPE).step(Phase.FULL, (x,), target=target)
    half = captured(module, (x[:2],), Phase.FULL, recipe=RECIPE)
    graph = run_passes(half.result.graphs[Phase.FULL], PIPELINE)
    summing, late = accumulate(graph), once(graph)
    assert late == {task.name for task in tasks_of(graph) if task.ops[0].role is Role.OPTIMIZER}
    given = {v.name: step.values[v.name] for v in graph.values if v.kind is not ValueKind.COMPUTED}
    held = {v.name: torch.zeros(v.shape) for v in summing.values if v.name.endswith(".held")}
    assert len(held) == len(summing.trained)
    for part in (slice(0, 2), slice(2, 4)):
        found = evaluate(summing, {**given, **held, "in_0": x[part], "target": target[part]})
        held = {name: found[summing.becomes[name]] for name in held}
    for name in summing.trained:
        moved = given[name] - found[summing.becomes[name]]
        torch.testing.assert_close(moved, 2 * (given[name] - step.new[name]), rtol=1e-4, atol=1e-6)


def gpu_figures(graph: Graph, factor: int) -> tuple[float, float]:
    work = enlarged(graph, count_work(graph, tasks_of(graph)), factor)
    prices = price_device(load_target("gpu").devices[0], work).tasks.values()
    costs = [cost for cost in prices if cost is not None]
    return sum(cost.latency_ns for cost in costs), sum(cost.energy_pj for cost in costs)


@pytest.mark.parametrize("phase", [Phase.FULL, Phase.LOW, Phase.INFER])
def test_a_larger_batch_costs_what_it_would_if_it_were_captured(phase: Phase) -> None:
    two, many = layer_graph(2, phase), layer_graph(32, phase)
    assert gpu_figures(two, 16) == pytest.approx(gpu_figures(many, 1))
    assert gpu_figures(two, 1) != pytest.approx(gpu_figures(many, 1))


@pytest.fixture(scope="module")
def whole() -> Priced:
    return Priced.of(layer_graph(2), load_target("hybrid"), 1)


QUICK = Limits(time_s=60, work_s=3.0)


def test_a_step_is_ramp_periods_and_update(whole: Priced) -> None:
    micro = MicroBatched.of(whole, 1)
    found = overlapped(micro, 8, Clock(QUICK))
    check_periodic(found.batch, found.periodic)
    check(found.update, found.updated)
    ramp, update = found.periodic.assignment.makespan_ns, found.updated.makespan_ns
    assert found.latency_ns == ramp + 7 * found.periodic.period_ns + update
    assert found.period_bound_ns <= found.periodic.period_ns
    assert found.latency_bound_ns <= found.latency_ns
    names = {task.name for task in tasks_of(accumulate(whole.graph))}
    assert names <= found.places.keys()
    again = overlapped(micro, 8, Clock(QUICK))
    assert again == found


def test_a_given_placement_is_kept_and_never_beats_the_bound(whole: Priced) -> None:
    problem = whole.posed.problem
    where = places(problem, solve(problem, limits=QUICK).assignment)
    found = overlapped_at(MicroBatched.of(whole, 1), 8, Clock(QUICK), where)
    assert where.items() <= found.places.items()
    assert found.latency_bound_ns <= found.latency_ns
    free = overlapped(MicroBatched.of(whole, 1), 8, Clock(QUICK), where)
    assert found.period_bound_ns <= free.periodic.period_ns


def compiled(**options: Any) -> Any:
    torch.manual_seed(0)
    x = torch.randn(1, TOKENS, WIDTH)
    return hptc.compile(
        AttentionLayer(WIDTH), (x,), work_limit=4, phases=("low", "infer"), **options
    ).report()["phases"]


def test_parameters_lie_where_micro_batches_read_them() -> None:
    tasks = tuple(Task(name, (Mode(0, 1),)) for name in ("forward", "backward", "update"))
    values = (Value(0, (1,), 5), Value(1, (2,), 1), Value(2, (0, 1), 6, carried=True))

    def within(memory: int) -> Problem:
        whole = Problem((Device("x", memory_bytes=memory),), (), tasks, values)
        return MicroBatched(whole, (0, 1), (2,)).batch

    limits = Limits(time_s=10.0, workers=1)
    assert solve_period(within(11), limits=limits).periodic.period_ns == 2
    with pytest.raises(InfeasibleError, match="memory"):
        solve_period(within(10), limits=limits)


@pytest.mark.parametrize("objective", ["latency", "period"])
def test_the_report_tells_them_beside_the_gpu(objective: str) -> None:
    phases = compiled(target="hybrid-stack", micro_batches=4, objective=objective)
    for name, figures in phases.items():
        found = figures["micro_batches"]
        assert found["count"] == 4
        parts = found["ramp_ns"] + 3 * found["period_ns"] + found["update_ns"]
        assert found["latency_ns"] == parts
        assert figures["period_ns"] == found["period_ns"] >= found["period_bound_ns"]
        assert (found["update_ns"] == 0) == (name == "infer")
        gpu, alone = found["all_gpu"], figures["baselines"]["gpu"]
        assert gpu["way"] == "one batch"
        assert alone["latency_ns"] * 0.9 <= gpu["latency_ns"] <= alone["latency_ns"] * 4
        if objective == "period":
            assert figures["objective_value"] == found["latency_ns"]
            assert figures["objective_bound"] == found["latency_bound_ns"]


def test_what_cannot_be_asked_of_them_is_refused() -> None:
    for options, words in (
        ({"objective": "period"}, "--micro-batches"),
        ({"micro_batches": 0}, "--micro-batches"),
        ({"micro_batches": 4, "objective": "period", "tile": 2}, "--tile"),
        ({"micro_batches": 4, "objective": "period", "pareto": 3}, "--pareto"),
        ({"micro_batches": 4, "objective": "period", "sensitivity": True}, "--sensitivity"),
        ({"objective": "training:period", "steps": {"low": 2}}, "training:period"),
    ):
        with pytest.raises(UsageError, match=words):
            make_options(**options)
    with pytest.raises(UsageError, match="one step"):
        solve(chain_of_blocks(1), objective=Objective.PERIOD)
