"""`hptc solve`: every kind of bad input, and numbers of every size."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import ROOT, hptc, refused
from tests.solve_files import READS, RERAM, W, edge, problem, solved, task, write

HUGE = 10**15


MALFORMED: dict[str, tuple[Any, str]] = {
    "cycle": (problem(edges=[edge("a", "b"), edge("b", "a")]), "cycle a -> b -> a"),
    "long cycle": (
        problem(
            devices=["x"],
            links=[],
            tasks=[task(i, 1) for i in range(99)],
            edges=[edge(i, (i + 1) % 99) for i in range(99)],
        ),
        "-> 7 -> … -> 0, of 99 tasks",
    ),
    "key twice": (json.dumps(problem())[:-1] + ', "edges": []}', "'edges' again"),
    "negative cost": (problem(tasks=[task("a", -3)], devices=["x"], links=[], edges=[]), "-3"),
    "fraction": (problem(tasks=[task("a", 2.5), task("b", 1)], devices=["x"], links=[]), "2.5"),
    "unknown device": (problem(links=[{**problem()["links"][0], "dst": "gpu"}]), "'gpu'"),
    "device out of range": (problem(links=[{**problem()["links"][0], "dst": 2}]), "link 0: dst"),
    "task twice": (problem(tasks=[task("a", 1, 1), task("a", 1, 1)]), "'a' again"),
    "device twice": (problem(devices=["x", "x"]), "'x' again"),
    "no count": (problem(devices=["x", {"name": "y", "count": 0}]), "one unit or more"),
    "misspelt": (problem(devices=["x", {"name": "y", "units": 2}]), "the key units"),
    "power": (problem(devices=["x", {"name": "y", "static_power_pj_per_ns": -1}]), "-1"),
    "unknown forbidden": (problem(tasks=[task("a", 1, 1) | {"forbid": ["z"]}]), "'z'"),
    "unknown in a group": (problem(together=[["a", "q"]]), "'q'"),
    "too many crossbars": (
        problem(
            devices=["reram"], links=[], tasks=[], edges=[], matrices=[W | {"crossbars": HUGE}]
        ),
        "matrix 0: crossbars",
    ),
    "unknown matrix": (problem(devices=[RERAM], links=[], tasks=[READS], edges=[]), "'w'"),
    "matrix elsewhere": (
        problem(devices=["x", RERAM], tasks=[READS], matrices=[W | {"device": "x"}], edges=[]),
        "matrix 'w' on its device",
    ),
    "name": (problem(tasks=[task("a", 1, 1) | {"name": []}], edges=[]), "task 'a': name"),
    "reader of nothing": (problem(values=[{"src": "a", "readers": ["q"], "bytes": 1}]), "'q'"),
    "carried": (problem(values=[{"src": "a", "readers": [], "bytes": 1, "carried": 1}]), "carried"),
    "nonsense": ("{" * 10_000_000, "JSON"),
    "deep": ("[" * 10_000_000, "JSON"),
    "numbers": ("[" + "9" * 10_000_000 + "]", "p.json"),
    "text": ('"' + "x" * 10_000_000 + '"', "an object"),
    "wide": (json.dumps([0] * 3_000_000), "an object"),
}

INFEASIBLE: dict[str, tuple[Any, str]] = {
    "no device": (problem(tasks=[task("a", None, None)], edges=[]), "placement"),
    "forbidden": (
        problem(tasks=[task("a", 3, None) | {"forbid": ["x"]}, task("b", None, 5)]),
        "placement",
    ),
    "no route": (problem(links=[]), "links between devices"),
    "capacity": (
        problem(devices=[RERAM], links=[], tasks=[READS], matrices=[W], edges=[]),
        "crossbar capacity",
    ),
    "memory": (problem(devices=["x", {"name": "y", "memory_bytes": 3}]), "memory"),
    "colocation": (problem(together=[["a", "b"]]), "colocation"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_problems_are_refused(tmp_path: Path, kind: str) -> None:
    content, word = MALFORMED[kind]
    refused(hptc("solve", write(tmp_path, content)), 3, word)


@pytest.mark.parametrize("kind", INFEASIBLE)
def test_what_nothing_satisfies_is_named(tmp_path: Path, kind: str) -> None:
    content, family = INFEASIBLE[kind]
    refused(hptc("solve", write(tmp_path, content)), 4, family)


def test_no_tasks_and_one_task(tmp_path: Path) -> None:
    none = solved(write(tmp_path, problem(tasks=[], edges=[])))
    assert (none["makespan_ns"], none["lower_bound_ns"], none["assignment"]) == (0, 0, [])
    nowhere = solved(write(tmp_path, problem(devices=[], links=[], tasks=[], edges=[])))
    assert (nowhere["makespan_ns"], nowhere["status"]) == (0, "optimal")
    one = solved(write(tmp_path, problem(tasks=[task(7, 9, 4)], edges=[])))
    assert (one["makespan_ns"], one["status"]) == (4, "optimal")


def test_a_byte_order_mark_is_no_nonsense(tmp_path: Path) -> None:
    assert solved(write(tmp_path, "\ufeff" + json.dumps(problem())))["makespan_ns"] == 13


@pytest.mark.parametrize(("cost", "speed"), [(10**18 - 1, 1.0), (10**18, 1e-18)])
def test_answers_beyond_exact_floats_pass_their_check(
    tmp_path: Path, cost: int, speed: float
) -> None:
    link = problem()["links"][0] | {"bw_bytes_per_ns": speed}
    tasks = [task("a", cost, None), task("b", None, 2)]
    found = solved(write(tmp_path, problem(tasks=tasks, links=[link])))
    assert cost < found["lower_bound_ns"] <= found["makespan_ns"]
    assert found["makespan_ns"] - found["lower_bound_ns"] < 10  # beyond 2^60 ns a path is rounded


def test_names_with_brackets_are_not_markup(tmp_path: Path) -> None:
    path = write(tmp_path, problem(devices=["[/x]", "[red]"]), "[bold].json")
    done = hptc("solve", path, "--explain", "--pareto", "2")
    assert done.code == 0, done.err
    assert all(name in done.out for name in ("[bold].json", "[/x]", "[red]", "[/x]->[red]"))


def test_names_with_line_breaks_stay_on_the_line_of_the_error(tmp_path: Path) -> None:
    name = "a\n\x1b[2J"
    path = write(tmp_path, problem(tasks=[task(name, None, None)], edges=[]))
    refused(hptc("solve", path), 4, r"(a\n\x1b[2J)")


def test_parts_without_an_edge_between_them(tmp_path: Path) -> None:
    parts = [task(i, 10, 10) for i in range(6)]
    found = solved(write(tmp_path, problem(tasks=parts, edges=[edge(0, 1), edge(2, 3)])))
    assert (found["makespan_ns"], found["lower_bound_ns"]) == (30, 30)


@pytest.mark.parametrize(("tasks", "exact"), [(12, True), (400, False)])
def test_huge_costs_are_summed_exactly(tmp_path: Path, tasks: int, exact: bool) -> None:
    """On x alone the sum; x and y together cannot take less than half of all."""
    rows = [task(i, HUGE + i, HUGE - i) for i in range(tasks)]
    path = write(tmp_path, problem(tasks=rows, edges=[edge(0, 1, HUGE)]))
    found = solved(path, "--work-limit", "0.5")
    least = sum(HUGE - i for i in range(tasks)) // 2
    assert least <= found["lower_bound_ns"] + tasks * tasks
    assert found["lower_bound_ns"] <= found["makespan_ns"] <= tasks // 2 * (HUGE + tasks)
    assert (found["status"] == "optimal") >= exact


def test_the_documented_example_is_solved(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "problem.md").read_text()
    example = text.split("```json\n")[1].split("```")[0]
    assert solved(write(tmp_path, example))["status"] == "optimal"
