"""Steps that overlap, on the command line."""

import json
from pathlib import Path

import pytest

from tests.command_line import hptc, refused

GRAPH = {
    "devices": ["a", "b"],
    "links": [{"src": s, "dst": 1 - s, "bw_bytes_per_ns": 1, "latency_ns": 0} for s in (0, 1)],
    "tasks": [{"id": i, "cost": [3, 5]} for i in range(4)],
    "edges": [{"src": i, "dst": i + 1, "bytes": 2} for i in range(3)],
}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(GRAPH))
    return path


def test_a_steady_state_is_found_told_and_checked(graph: Path) -> None:
    done = hptc("solve", graph, "--objective", "period", "--json")
    found = json.loads(done.out)
    assert (found["period_ns"], found["period_bound_ns"], found["status"]) == (9, 9, "optimal")
    assert (found["objective"], found["objective_value"], found["gap"]) == ("period", 9, 0)
    for row in (*found["assignment"], *found["transfers"]):
        assert row["start_ns"] == 9 * row["stage"] + row["offset_ns"]
    answer = graph.with_suffix(".answer")
    answer.write_text(done.out)
    assert hptc("solve", graph, "--check", answer).code == 0
    for key, value, code, words in (
        ("period_ns", 8, 1, "one task at a time on a"),
        ("period_bound_ns", 10, 1, "no bound above the period"),
        ("gap", 0.1, 1, "gap is that of the value from its bound"),
        ("period_ns", "soon", 3, "an integer"),
    ):
        answer.write_text(json.dumps(found | {key: value}))
        refused(hptc("solve", graph, "--check", answer), code, words)
    assert "9 ns" in hptc("solve", graph, "--objective", "period").out


@pytest.mark.parametrize("tasks", [[], [{"id": 0, "cost": [0, None]}]])
def test_nothing_to_do_starts_every_ns(graph: Path, tasks: list[object]) -> None:
    graph.write_text(json.dumps(GRAPH | {"tasks": tasks, "edges": []}))
    found = json.loads(hptc("solve", graph, "--objective", "period", "--json").out)
    assert (found["period_ns"], found["period_bound_ns"], found["makespan_ns"]) == (1, 1, 0)


def test_what_says_nothing_of_overlapping_steps_is_refused(graph: Path) -> None:
    for option in (("--pareto", "3"), ("--explain",), ("--latency-limit", "5")):
        refused(hptc("solve", graph, "--objective", "period", *option), 2, option[0])
