"""Trained matrices are written once a step and device, however many tasks read them."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch

from cost_models.load import load_target
from hptc.cost import CostTable, CrossbarUse
from hptc.errors import VerifyError
from hptc.frontend.adapter_options import parse_adapter
from hptc.ir.graph import Phase
from hptc.micro_batches.model import MicroBatched
from hptc.partition import problem as pb
from hptc.partition.check import check, energy_pj
from hptc.partition.seeds.warm import assign, place_of
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.explain import assignment_of
from hptc.schedule.model import Instruction, InstructionKind, Schedule
from hptc.schedule.priced import Priced
from hptc.schedule.writing import readers_served
from passes import PIPELINE, run_passes
from tests.evaluate import captured
from tests.models import AttentionLayer

WIDTH = 8


def step_on(target: str, *overrides: str, phase: Phase = Phase.FULL) -> Priced:
    torch.manual_seed(0)
    x = torch.randn(1, 6, WIDTH)
    dense = parse_adapter("dense:d=4")
    graph = captured(AttentionLayer(WIDTH), (x,), phase, adapter=dense).result.graphs[phase]
    return Priced.of(run_passes(graph, PIPELINE), load_target(target, overrides), 1)


@pytest.fixture(scope="module")
def stack() -> Priced:
    return step_on("hybrid-stack")


def uses(costs: CostTable) -> dict[str, CrossbarUse]:
    """What each task that may run on crossbars reads there."""
    prices = costs.device("reram").tasks.items()
    return {task: cost.crossbars for task, cost in prices if cost and cost.crossbars}


def on_crossbars(problem: pb.Problem, reram: int) -> pb.Assignment:
    """Run on crossbars whatever can."""
    best = [max(task.modes, key=lambda mode: mode.device == reram) for task in problem.tasks]
    found = assign(problem, [place_of(problem, mode) for mode in best])
    assert found is not None
    return found


def answer_of(priced: Priced) -> pb.Assignment:
    found = on_crossbars(priced.posed.problem, priced.posed.devices.index("reram"))
    check(priced.posed.problem, found)
    return found


def schedule_of(priced: Priced, assignment: pb.Assignment) -> Schedule:
    found = build_schedule(priced.graph, priced.tasks, priced.costs, priced.posed, assignment)
    check_schedule(priced.graph, found)
    return found


def written(schedule: Schedule) -> list[Instruction]:
    return [item for item in schedule.step if item.kind is InstructionKind.PROGRAM]


def test_a_matrix_with_several_readers_is_written_once(stack: Priced) -> None:
    readers = Counter(use.matrix for use in uses(stack.costs).values())
    assert max(readers.values()) == 2
    assignment = answer_of(stack)
    schedule = schedule_of(stack, assignment)
    assert Counter(item.value for item in written(schedule)) == Counter(set(readers))
    assert not any(item.kind is InstructionKind.PROGRAM for item in schedule.prologue)
    assert (schedule.program_ns, schedule.program_pj) == (0, 0)
    by_name = {use.matrix: use for use in uses(stack.costs).values()}
    for item in written(schedule):
        use = by_name[item.value]
        assert item.end_ns - item.start_ns == math.ceil(use.program_ns)
        assert (item.energy_pj, item.cells) == (round(use.program_pj), use.cells)
    assert schedule.energy_pj == pytest.approx(energy_pj(stack.posed.problem, assignment))
    assert sum(item.cells for item in schedule.step) == sum(u.cells for u in by_name.values())
    assert assignment_of(stack.posed, schedule) == assignment


def test_each_reader_finds_the_matrix_written(stack: Priced) -> None:
    schedule = schedule_of(stack, answer_of(stack))
    late = max(written(schedule), key=lambda item: item.end_ns)
    readers = [i for i in schedule.step if i.task and i.resource == late.resource]
    assert readers
    assert all(reader.start_ns >= late.end_ns for reader in readers)
    end_ns = schedule.latency_ns
    moved = replace(late, start_ns=end_ns - 1, end_ns=end_ns)
    step = sorted((i for i in (*schedule.step, moved) if i is not late), key=lambda i: i.start_ns)
    freed = [i for i in step if i.kind is not InstructionKind.FREE or i.value != late.value]
    with pytest.raises(VerifyError, match=f"a PROGRAM of {late.resource} before, found none"):
        check_schedule(stack.graph, replace(schedule, step=tuple(freed)))
    twice = replace(schedule, prologue=(*schedule.prologue, replace(late, start_ns=0)))
    with pytest.raises(VerifyError, match=f"one PROGRAM of {late.resource}"):
        check_schedule(stack.graph, twice)


def test_what_has_two_matrices_is_written_by_their_readers() -> None:
    priced = step_on("hybrid-stack", "devices.reram.transposable=false")
    problem, reram = priced.posed.problem, priced.posed.devices.index("reram")
    shared = {use.matrix.removesuffix("^T") for use in uses(priced.costs).values()}
    turned = [use for use in uses(priced.costs).values() if use.matrix.endswith("^T")]
    assert 0 < len(turned) < len(uses(priced.costs))
    served = readers_served(problem.values)
    for position, task in enumerate(priced.tasks):
        use = uses(priced.costs).get(task.name)
        if use is None:
            continue
        cost = priced.costs.device("reram").tasks[task.name]
        assert cost is not None
        (mode,) = (m for m in problem.tasks[position].modes if m.device == reram)
        own = 0 if (position, reram) in served else use.program_ns
        assert mode.duration_ns == math.ceil(cost.latency_ns + own)
    schedule = schedule_of(priced, answer_of(priced))
    assert schedule.program_pj == 0
    cells = [item.cells for item in schedule.step if item.cells]
    assert len(cells) == len(uses(priced.costs)) >= len(shared)


def test_what_is_made_to_be_written_is_made_once() -> None:
    """A dense adapter adds to its matrix in the step, and crossbars hold the sum."""
    problem = step_on("hybrid-stack", phase=Phase.LOW).posed.problem
    made = [value.src for value in problem.values if value.writes and not value.carried]
    assert made
    assert not any(problem.tasks[src].recompute for src in made)
    assert any(task.recompute for task in problem.tasks)


def test_micro_batches_share_the_write_of_their_update(stack: Priced) -> None:
    micro = MicroBatched.of(stack, 1)
    assert not any(value.writes for value in micro.batch.values)
    update = micro.update(on_crossbars(micro.batch, stack.posed.devices.index("reram")))
    matrices = {use.matrix for use in uses(stack.costs).values()}
    assert sum(bool(value.writes) and len(value.readers) == 1 for value in update.values) >= len(
        matrices
    )
