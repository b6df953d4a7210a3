"""Phases placed in chunks of rows: executed, verified, and whole where that is better."""

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

import hptc
from hptc.errors import UsageError
from hptc.ir.graph import Phase
from hptc.options import make_options
from hptc.partition import problem as pb
from hptc.partition.check import check
from hptc.partition.quick import quick_bound
from hptc.partition.warm import assign
from hptc.program import Program
from hptc.schedule.model import Instruction, InstructionKind
from tests.models import merge_heads, split_heads, written_out
from tests.partition_cases import brute_force, problems

TOKENS, WIDTH = 9, 8


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = (split_heads(part(x)) for part in (self.q, self.k, self.v))
        y: Tensor = self.head(self.norm(x + merge_heads(written_out(*parts))))
        return y


def compiled(**options: Any) -> Program:
    torch.manual_seed(0)
    x = torch.randn(1, TOKENS, WIDTH)
    return hptc.compile(Layer(), (x,), time_limit_s=3, **options)


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
    assert 0 < found["tried"]["lower_bound_ns"] <= found["lower_bound_ns"]


@settings(max_examples=40, deadline=None)
@given(problems())
def test_quick_bounds_hold(problem: pb.Problem) -> None:
    assert quick_bound(problem) <= brute_force(problem)[0]


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
