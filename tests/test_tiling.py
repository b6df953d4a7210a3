"""Phases placed in chunks of rows: executed, verified, and whole where that is better."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hptc
from cost_models.load import load_target
from hptc.errors import InfeasibleError, UsageError
from hptc.ir.axes import Rows
from hptc.ir.graph import Phase
from hptc.options import make_options
from hptc.partition import problem as pb
from hptc.partition.check import check
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.rows.problem import cut
from hptc.partition.seeds.warm import assign
from hptc.partition.solve import solve
from hptc.program import Program
from hptc.schedule.model import Instruction, InstructionKind
from hptc.schedule.priced import Priced
from hptc.tiling import Tiler
from hptc.tiling.rowed import RowTasks
from passes import PIPELINE, run_passes, tile
from tests.evaluate import captured
from tests.models import AttentionLayer

TOKENS, WIDTH = 9, 8


def compiled(**options: Any) -> Program:
    torch.manual_seed(0)
    x = torch.randn(1, TOKENS, WIDTH)
    return hptc.compile(AttentionLayer(WIDTH), (x,), work_limit=3.0, **options)


def execs(program: Program, phase: Phase) -> list[Instruction]:
    step = program.bundle.phases[phase].schedule.step
    return [i for i in step if i.kind is InstructionKind.EXEC]


@pytest.fixture(scope="module")
def program() -> Program:
    return compiled(tile=4)


def test_a_tiled_program_trains_like_torch(program: Program) -> None:
    found = program.verify()
    assert found["ok"]
    assert found["phases"]["full"]["grad_max_rel_err"] < 1e-5


def test_its_instructions_say_which_rows(program: Program) -> None:
    rows = Counter(i.rows for i in execs(program, Phase.FULL))
    assert set(rows) == {None, (0, 2), (2, 4), (4, 6), (6, 9)}
    assert any(i.accumulate for i in execs(program, Phase.FULL))
    assert not any(i.accumulate for i in execs(program, Phase.INFER))


def test_its_report_says_what_the_bound_is_worth(program: Program) -> None:
    report = program.report()["phases"]["low"]
    assert report["bound_holds_for"] == "this tiling"
    tiling = report["tiling"]
    assert (tiling["axis"], tiling["extent"], tiling["chunks"]) == (1, TOKENS, 4)
    assert 0 < tiling["ops"] < report["ops"]


def test_chunks_are_tried_and_taken_only_if_they_pay() -> None:
    whole = compiled(target="gpu", phases=["infer"]).report()["phases"]["infer"]
    found = compiled(target="gpu", phases=["infer"], tile="auto").report()["phases"]["infer"]
    assert (whole["tiling"], whole["bound_holds_for"]) == (None, "all schedules")
    assert (found["tiling"], found["latency_ns"]) == (None, whole["latency_ns"])
    assert found["tried"]["tilings"] > 0
    assert {*found["tried"]["chunks"]} <= {2, 4, 8}
    assert 0 < found["tried"]["lower_bound_ns"] <= found["lower_bound_ns"]


class Stages(nn.Module):
    """Matrices that rows pass one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(nn.Linear(64, 64) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.stages(x)
        return y


SLOW_ARRAYS = ("devices.systolic.count=1", "devices.systolic.rows=1", "devices.systolic.cols=1")


def test_rows_stream_where_that_pays() -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "target": "hybrid-stack",
        "overrides": (*SLOW_ARRAYS, "devices.reram.max_copies=1"),
        "phases": ["infer"],
        "time_limit_s": 6,
    }
    x = torch.randn(1, 64, 64)
    whole, tiled = (hptc.compile(Stages(), (x,), tile=how, **options) for how in ("off", "auto"))
    before, after = (program.report()["phases"]["infer"] for program in (whole, tiled))
    assert after["latency_ns"] < 0.7 * before["lower_bound_ns"]
    assert after["latency_ns"] >= after["tried"]["lower_bound_ns"]
    assert sum(after["tiling"]["ops_by_chunks"].values()) == after["tiling"]["ops"]
    assert tiled.verify()["ok"]


Refuses = Callable[[int, int], bool]
"""Whether so many tasks find no room, given those of the whole phase."""


@pytest.fixture(scope="module")
def stages() -> Priced:
    source = captured(Stages(), (torch.randn(1, 64, 64),), Phase.INFER).result.graphs[Phase.INFER]
    target = load_target("hybrid-stack", (*SLOW_ARRAYS, "devices.reram.max_copies=1"))
    return Priced.of(run_passes(source, PIPELINE), target, 1)


def tiler(whole: Priced, refuses: Refuses) -> Tiler:
    def solver(problem: pb.Problem, limits: Limits, start: pb.Assignment | None) -> pb.Solution:
        if refuses(len(problem.tasks), len(whole.tasks)):
            raise InfeasibleError("memory", expected="room", found="none")
        return solve(problem, limits=limits, start=start)

    return Tiler(whole, 1, Objective.LATENCY, solver, Clock(Limits(time_s=60.0, work_s=4.0)))


def test_a_phase_stays_whole_where_its_chunks_do_not_fit(stages: Priced) -> None:
    refused = []

    def refuses(tasks: int, whole: int) -> bool:
        if tasks > whole:
            refused.append(tasks)
        return tasks > whole

    assert tiler(stages, refuses).best().tiling is None
    assert refused


def test_a_phase_is_cut_where_only_chunks_fit(stages: Priced) -> None:
    asked = tiler(stages, int.__le__).fixed(4).tiling
    found = tiler(stages, int.__le__).best().tiling
    assert asked is not None
    assert found is not None
    assert (asked.chunks, found.chunks) == (4, 2)


def test_what_fits_in_no_chunks_is_infeasible(stages: Priced) -> None:
    with pytest.raises(InfeasibleError, match="memory"):
        tiler(stages, lambda *_: True).best()


@pytest.mark.parametrize("phase", [Phase.LOW, Phase.INFER])
def test_chunks_take_what_was_foreseen(phase: Phase) -> None:
    x = torch.randn(1, TOKENS, WIDTH)
    graph = run_passes(captured(AttentionLayer(WIDTH), (x,), phase).result.graphs[phase], PIPELINE)
    target = load_target("hybrid")
    whole = Priced.of(graph, target, 1)
    rows = RowTasks(whole, {"in_0": Rows(1)}, TOKENS, 1)
    problem = rows.problem((2, 3), lambda: True)
    assert len(rows.positions) > len(whole.tasks) // 4
    for counts in ((2, 2), (2, 3), (3, 1)):
        chosen = {task: counts[task % 2] for task in rows.positions}
        tiled = Priced.of(tile(graph, rows.named(chosen)), target, 1).posed.problem
        assert prices(tiled) == prices(cut(problem, chosen).problem)


def prices(problem: pb.Problem) -> Counter[tuple[tuple[int, int, int], ...]]:
    """Return what tasks take on each device; putting chunks together takes nothing."""
    modes = (
        tuple((mode.device, mode.duration_ns, mode.energy_pj) for mode in task.modes)
        for task in problem.tasks
    )
    return Counter(found for found in modes if any(time for _, time, _ in found))


@pytest.mark.parametrize("tile", ["on", "1", "0", "-2", 1, "1025", ""])
def test_absurd_counts(tile: str | int) -> None:
    with pytest.raises(UsageError, match="--tile: expected off, auto or 2 to 1024 chunks"):
        make_options(tile=tile)


def test_more_chunks_than_rows() -> None:
    with pytest.raises(UsageError, match=r"--tile 10: .* found 9 in the phase full"):
        compiled(tile=10)


def test_known_devices_make_a_first_assignment() -> None:
    slow, fast = pb.Mode(0, 5), pb.Mode(1, 3)
    problem = pb.Problem(
        (pb.Device("a"), pb.Device("b")),
        (pb.Link(0, 1, 1.0, 0), pb.Link(1, 0, 1.0, 0)),
        (pb.Task("t", (slow, fast)), pb.Task("u", (slow, fast)), pb.Task("v", (fast,))),
        (pb.Value(0, (1, 2), 4),),
    )
    found = assign(problem, [(0, None), None, (0, None)])
    assert found is not None
    check(problem, found)
    assert [p.mode for p in found.placements] == [0, 1, 0]


def test_known_places_name_the_matrix_too() -> None:
    modes = tuple(pb.Mode(0, 9 - size, matrix=size) for size in range(3))
    matrices = tuple(pb.Matrix(f"w{size}", 0, 1 + size) for size in range(3))
    problem = pb.Problem((pb.Device("x", 2),), (), (pb.Task("t", modes),), (), matrices)
    for place, mode in (((0, "w1"), 1), ((0, "gone"), 0), (None, 0)):
        found = assign(problem, [place])
        assert found is not None
        assert found.placements[0].mode == mode
    assert assign(problem, [(0, "w2")]) is None
