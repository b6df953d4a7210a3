"""Task graphs from files: what is read, what is refused, what is answered."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError, ProblemError, UsageError
from hptc.partition.files.problem import solution_json
from hptc.partition.files.read import read_problem
from hptc.partition.limits import Limits
from hptc.partition.solve import solve
from tests.reference import reference_dir

GOOD: dict[str, Any] = {
    "devices": ["reram", "gpu"],
    "links": [
        {"src": 1, "dst": 1, "bw_bytes_per_ns": 1.0, "latency_ns": 1},
        {"src": 0, "dst": 1, "bw_bytes_per_ns": 2.0, "latency_ns": 5},
        {"src": 1, "dst": 0, "bw_bytes_per_ns": 2, "latency_ns": 5.0},
    ],
    "tasks": [
        {"id": 10, "name": "a", "cost": [4, None]},
        {"id": "b", "cost": [None, 6]},
        {"id": 7, "name": "c", "cost": [50, 7]},
    ],
    "edges": [{"src": 10, "dst": "b", "bytes": 5}, {"src": 10, "dst": 7, "bytes": 5}],
}
STG = "2\n0 0 0\n1 5 1 0\n2 4 1 0\n3 0 2 1 2\n# comment\n"


def _file(tmp_path: Path, content: object, name: str = "graph.json") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_json_problem_is_solved_under_its_own_names(tmp_path: Path) -> None:
    file_problem = read_problem(_file(tmp_path, GOOD))
    answer = solution_json(file_problem, solve(file_problem.problem))
    wall = answer.pop("wall_s")
    assert wall >= 0
    assert {k: answer[k] for k in ("makespan_ns", "lower_bound_ns", "gap", "status")} == {
        "makespan_ns": 26,
        "lower_bound_ns": 26,
        "gap": 0.0,
        "status": "optimal",
    }
    assert {(row["task"], row["device"]) for row in answer["assignment"]} == {
        (10, "reram"),
        ("b", "gpu"),
        (7, "gpu"),
    }
    sent = [(row["src"], row["dst"], row["link"]) for row in answer["transfers"]]
    assert sorted(sent, key=str) == [(10, "b", 1), (10, 7, 1)]
    assert all(row["end_ns"] - row["start_ns"] == 8 for row in answer["transfers"])
    json.dumps(answer)


def test_an_stg_graph_runs_on_named_processors(tmp_path: Path) -> None:
    file_problem = read_problem(_file(tmp_path, STG, "g.stg"), processors=2)
    answer = solution_json(file_problem, solve(file_problem.problem))
    assert (answer["makespan_ns"], answer["status"], answer["transfers"]) == (5, "optimal", [])
    assert [row["task"] for row in answer["assignment"]] == [0, 1, 2, 3]
    assert {row["device"] for row in answer["assignment"]} <= {"p0", "p1"}


def _without(key: str) -> dict[str, Any]:
    return {k: v for k, v in GOOD.items() if k != key}


def _with(key: str, *items: object) -> dict[str, Any]:
    return GOOD | {key: list(items)}


LINK, TASK = GOOD["links"][1], GOOD["tasks"][0]
VALUE = {"src": 0, "readers": [1], "bytes": 1}
BAD = [
    "{not json",
    "[1, 2]",
    "3",
    '"text"',
    _without("devices"),
    _without("links"),
    _without("tasks"),
    _without("edges"),
    _with("devices", "x", "x"),
    _with("devices", 1, 2),
    _with("links", LINK | {"src": 2}),
    _with("links", LINK | {"dst": -1}),
    _with("links", LINK | {"bw_bytes_per_ns": 0}),
    _with("links", LINK | {"bw_bytes_per_ns": float("nan")}),
    _with("links", LINK | {"bw_bytes_per_ns": float("inf")}),
    _with("links", LINK | {"latency_ns": 0.5}),
    _with("links", LINK, LINK),
    _with("links", 3),
    _with("values", VALUE | {"writes": 3}),
    _with("values", VALUE | {"writes": [{"device": "z", "duration_ns": 1}]}),
    _with("values", VALUE | {"writes": [{"device": 0, "duration_ns": -1}]}),
    _with("values", VALUE | {"writes": [{"device": 0}]}),
    _with("tasks", *GOOD["tasks"], TASK),
    _with("tasks", TASK | {"cost": [4]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": [-4, None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": [1.5, None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": [float("nan"), None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": [float("inf"), None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": ["4", None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": [True, None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": [10**400, None]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"cost": 4}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"modes": [{"device": 0, "duration_ns": 4}]}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"id": None}, *GOOD["tasks"][1:]),
    _with("tasks", TASK | {"id": [1]}, *GOOD["tasks"][1:]),
    _with("edges", {"src": 10, "dst": 99, "bytes": 5}),
    _with("edges", {"src": 10, "dst": [7], "bytes": 5}),
    _with("edges", {"src": 10, "dst": 7, "bytes": -5}),
    _with("edges", {"src": 10, "dst": 7}),
    _with("edges", {"src": 10, "dst": 7, "bytes": 5}, {"src": 7, "dst": 10, "bytes": 5}),
    _with("edges", {"src": 10, "dst": 10, "bytes": 5}),
]


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_a_malformed_problem_is_refused_in_one_paragraph(tmp_path: Path, content: object) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(ProblemError) as caught:
        read_problem(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2\n0 0 0\n", STG.replace("1 5 1 0", "1 5 2 0"), STG.replace("1 5", "1 -5"),
     STG.replace("2 4 1 0", "2 4 1 9"), STG.replace("2 4", "1 4"), STG.replace("2 4 1 0", "2"),
     STG.replace("2 4 1 0", "2 4 1 3"), STG.replace("5", "5.5"), "1 2\n0 0 0"],
)  # fmt: skip
def test_a_malformed_stg_graph_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProblemError):
        read_problem(_file(tmp_path, text, "g.stg"), processors=2)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError):
        read_problem(tmp_path / "none.json")
    with pytest.raises(ProblemError):
        read_problem(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProblemError):
        read_problem(tmp_path / "b.json")


def test_processors_go_with_stg_only(tmp_path: Path) -> None:
    stg, graph = _file(tmp_path, STG, "g.stg"), _file(tmp_path, GOOD)
    for path, processors in ((stg, None), (stg, 0), (graph, 2)):
        with pytest.raises(UsageError):
            read_problem(path, processors=processors)


def test_a_task_without_a_device_is_infeasible(tmp_path: Path) -> None:
    nowhere = _with("tasks", TASK | {"cost": [None, None]}, *GOOD["tasks"][1:])
    with pytest.raises(InfeasibleError, match="task 10"):
        read_problem(_file(tmp_path, nowhere))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["devices", "links", "tasks", "edges", "id", "cost", "src"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(JSON, st.sampled_from(["devices", "links", "tasks", "edges", None]))
def test_nonsense_never_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, junk: object, key: str | None
) -> None:
    path = _file(tmp_path_factory.mktemp("junk"), GOOD | {key: junk} if key else junk)
    try:
        found = solve(read_problem(path).problem)
    except (ProblemError, InfeasibleError):
        return
    assert found.value >= 0


def test_reference_instances_reach_their_optimum() -> None:
    folder = reference_dir("scheduling") / "hetero"
    with (folder / "BEST.csv").open() as rows:
        small = [row for row in csv.DictReader(rows) if "_n" in row["file"]]
    for row in small:
        problem = read_problem(folder / row["file"]).problem
        found = solve(problem, limits=Limits(time_s=60.0))
        assert (found.value, found.status.value) == (int(row["optimum_ns"]), "optimal")


@pytest.mark.parametrize("processors", [2, 16])
def test_standard_task_graphs_stay_between_bound_and_optimum(processors: int) -> None:
    folder = reference_dir("scheduling") / "stg"
    with (folder / "OPT_50.csv").open() as rows:
        known = {(r["file"], int(r["processors"])): r for r in csv.DictReader(rows)}
    for name in ("50_rand0000.stg", "50_rand0027.stg", "50_rand0144.stg"):
        optimum = int(known[name, processors]["optimum_or_lower"])
        problem = read_problem(folder / name, processors=processors).problem
        found = solve(problem, limits=Limits(time_s=60.0))
        assert found.lower_bound_ns <= optimum <= found.value <= optimum * 1.01
