"""Problems and answers through files: what is written is what is read, and judged alike."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.partitioner.write import problem_json
from hptc.errors import HptcError, InfeasibleError, VerifyError
from hptc.partition.check import check
from hptc.partition.files.check_answer import check_answer
from hptc.partition.files.problem import FileProblem, solution_json
from hptc.partition.files.read import read_problem
from hptc.partition.limits import Limits
from hptc.partition.problem import Assignment, Placement, Problem, Solution
from hptc.partition.solve import solve
from tests.memory_cases import tight_problems

QUICK = Limits(time_s=5.0, workers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples of a test."""
    return tmp_path_factory.mktemp("answers")


def _read(folder: Path, problem: Problem) -> FileProblem:
    path = folder / "problem.json"
    path.write_text(json.dumps(problem_json(problem)))
    return read_problem(path)


def _solved(problem: Problem) -> Solution | None:
    try:
        return solve(problem, limits=QUICK)
    except InfeasibleError:
        return None


@settings(max_examples=60)
@given(tight_problems(), st.integers(0, 9), st.integers(-2, 2), st.booleans())
def test_problems_and_answers_survive_their_files(
    folder: Path, problem: Problem, task: int, shift: int, is_longer: bool
) -> None:
    found = _solved(problem)
    if found is None:
        with pytest.raises(InfeasibleError):
            solve(_read(folder, problem).problem, limits=QUICK)
        return
    read = _read(folder, problem)
    named = tuple(
        replace(matrix, name=f"{i} {matrix.name}") for i, matrix in enumerate(problem.matrices)
    )
    assert read.problem == replace(problem, matrices=named)
    moved = _shifted(found.assignment, task % len(problem.tasks), shift, is_longer=is_longer)
    assume(not _tells_another_mode(problem, moved, task % len(problem.tasks)))
    answer = folder / "answer.json"
    told = solution_json(read, replace(found, assignment=moved, lower_bound_ns=0))
    answer.write_text(json.dumps(told))
    assert _verdict(read.problem, moved) == _file_verdict(read, answer)
    if not shift:
        assert check_answer(read, answer) == found.assignment


def _tells_another_mode(problem: Problem, answer: Assignment, task: int) -> bool:
    """Return whether a task ends as if in another mode there: files tell modes by that too."""
    modes, placed = problem.tasks[task].modes, answer.placements[task]
    own, took_ns = modes[placed.mode], placed.end_ns - placed.start_ns
    return took_ns != own.duration_ns and (own.device, took_ns) in {
        (mode.device, mode.duration_ns) for mode in modes
    }


def _shifted(answer: Assignment, task: int, by: int, *, is_longer: bool) -> Assignment:
    """Return the answer with a task that starts, or only ends, at another time."""
    placements = list(answer.placements)
    was = placements[task]
    start = was.start_ns if is_longer else was.start_ns + by
    placements[task] = Placement(was.mode, start, was.end_ns + by)
    return replace(answer, placements=tuple(placements))


def _verdict(problem: Problem, answer: Assignment) -> str:
    try:
        check(problem, answer)
    except VerifyError as error:
        return error.where
    return ""


def _file_verdict(read: FileProblem, answer: Path) -> str:
    try:
        check_answer(read, answer)
    except HptcError as error:
        return error.where
    return ""
