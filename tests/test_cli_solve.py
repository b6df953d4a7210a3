"""`hptc solve`: every kind of bad input, rich problems, and answers that are checked."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import ROOT, hptc, refused

HUGE = 10**15


def task(task_id: int | str, *cost: float | None) -> dict[str, Any]:
    """Return a task in the bare form."""
    return {"id": task_id, "cost": list(cost)}


def edge(src: int | str, dst: int | str, size: int = 4) -> dict[str, Any]:
    """Return an edge in the bare form."""
    return {"src": src, "dst": dst, "bytes": size}


def problem(**changes: object) -> dict[str, Any]:
    """Return two tasks on two devices that are linked one way, with changes."""
    link = {"src": 0, "dst": 1, "bw_bytes_per_ns": 1.0, "latency_ns": 1}
    bare = {
        "devices": ["x", "y"],
        "links": [link],
        "tasks": [task("a", 3, None), task("b", None, 5)],
        "edges": [edge("a", "b")],
    }
    return bare | changes


def write(folder: Path, content: object, name: str = "p.json") -> Path:
    """Write JSON, or text as it is."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def solved(path: Path, *options: str) -> dict[str, Any]:
    """Return the answer of a problem that has one, after its check."""
    done = hptc("solve", path, "--json", *options)
    assert done.code == 0, done.err
    answer = path.with_suffix(".answer")
    answer.write_text(done.out)
    checked = hptc("solve", path, "--check", answer, *options)
    assert checked.code == 0, checked.err
    found: dict[str, Any] = json.loads(done.out)
    return found


W = {"name": "w", "device": "reram", "crossbars": 5}
RERAM = {"name": "reram", "capacity_crossbars": 4}
READS = {"id": "a", "modes": [{"device": "reram", "duration_ns": 1, "matrix": "w"}]}

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
    assert found["makespan_ns"] == found["lower_bound_ns"] > cost


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


def test_a_rich_problem_round_trips_through_its_check(tmp_path: Path) -> None:
    rich = {
        "devices": [{"name": "gpu", "count": 2, "static_power_pj_per_ns": 1.5}, RERAM],
        "links": [
            {"src": "gpu", "dst": "reram", "bw_bytes_per_ns": 2, "latency_ns": 1},
            {"src": "reram", "dst": "gpu", "bw_bytes_per_ns": 2, "latency_ns": 1},
        ],
        "matrices": [W | {"crossbars": 2}, W | {"name": "v", "crossbars": 3}],
        "tasks": [
            task("in", 4, None),
            {"id": "w", "cost": {"gpu": 90}}
            | {"modes": [{"device": "reram", "duration_ns": 5, "matrix": "w"}]},
            {"id": "v", "modes": [{"device": "gpu", "duration_ns": 9, "energy_pj": 3}]},
            task("left", 8, 1) | {"forbid": ["reram"], "name": "l", "block": "l"},
            task("right", 8, 1),
        ],
        "values": [
            {"src": "in", "readers": ["w", "v"], "bytes": 6},
            {"src": "w", "readers": ["left", "right"], "bytes": 6},
            {"src": "v", "readers": ["in"], "bytes": 8, "carried": True},
        ],
        "edges": [edge("v", "left", 2)],
        "together": [["left", "right"]],
    }
    found = solved(write(tmp_path, rich))
    assert (found["makespan_ns"], found["status"]) == (4 + 4 + 5 + 4 + 8, "optimal")
    assert [row["device"] for row in found["assignment"]][1:] == ["reram", "gpu", "gpu", "gpu"]
    sent = [(row["src"], row["dst"], row["value"]) for row in found["transfers"]]
    assert sent == [("in", "w", 0), ("w", "left", 1)]


Answer = dict[str, Any]


def _late(answer: Answer) -> None:
    answer["assignment"][1] |= {"start_ns": 5, "end_ns": 10}


BROKEN: dict[str, tuple[Callable[[Answer], object], str]] = {
    "early reader": (_late, "readers wait for values"),
    "no transfer": (lambda a: a["transfers"].clear(), "readers have their values"),
    "unknown task": (lambda a: a["assignment"][0].update(task="q"), "one placement per task"),
    "task left out": (lambda a: a["assignment"].pop(), "one placement per task"),
    "no mode there": (lambda a: a["assignment"][0].update(device="y"), "known mode"),
    "shorter": (lambda a: a["assignment"][1].update(end_ns=9), "task duration"),
    "unknown link": (lambda a: a["transfers"][0].update(link=4), "known transfer"),
    "unknown edge": (lambda a: a["transfers"][0].update(edge=4), "known transfer"),
    "ends of another edge": (lambda a: a["transfers"][0].update(src="b"), "known transfer"),
    "unknown end": (lambda a: a["transfers"][0].update(dst="q"), "known transfer"),
    "makespan": (lambda a: a.update(makespan_ns=12), "makespan"),
    "bound": (lambda a: a.update(lower_bound_ns=99), "no bound above the makespan"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_answer_names_its_rule(tmp_path: Path, kind: str) -> None:
    spoil, rule = BROKEN[kind]
    path = write(tmp_path, problem())
    answer = solved(path)
    spoil(answer)
    spoilt = write(tmp_path, answer, "answer.json")
    refused(hptc("solve", path, "--check", spoilt), 1, rule)
    told = hptc("solve", path, "--check", spoilt, "--json")
    assert (told.code, json.loads(told.out)["ok"]) == (1, False)
    assert rule in json.loads(told.out)["broken"]


def test_answers_of_the_bare_form_are_checked_too(tmp_path: Path) -> None:
    """Of edges between the same tasks, each transfer is that of one which takes its time."""
    path = write(tmp_path, problem(edges=[edge("a", "b", 4), edge("a", "b", 9), edge("a", "b", 4)]))
    answer = solved(path)
    for sent in answer["transfers"]:
        del sent["edge"]
    for transfers in (answer["transfers"], answer["transfers"][::-1]):
        bare = {"assignment": answer["assignment"], "transfers": transfers}
        done = hptc("solve", path, "--check", write(tmp_path, bare, "answer.json"), "--json")
        assert json.loads(done.out) == {"ok": True, "makespan_ns": 3 + 5 + 10 + 5 + 5}


def test_an_answer_without_its_form_is_malformed(tmp_path: Path) -> None:
    path = write(tmp_path, problem())
    for text in ("[]", "{}", "x", '{"assignment": [3], "transfers": []}'):
        refused(hptc("solve", path, "--check", write(tmp_path, text, "a.json")), 3, "a.json")
    refused(hptc("solve", path, "--check", tmp_path / "none.json"), 3, "none.json")


def test_answers_of_stg_graphs_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path, "2\n0 0 0\n1 5 1 0\n2 4 1 0\n3 0 2 1 2\n", "g.stg")
    assert solved(path, "--processors", "2")["makespan_ns"] == 5


GRAPHML = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="l" for="graph" attr.name="links" attr.type="string"/>
<key id="x" for="node" attr.name="cost_x" attr.type="long"/>
<key id="c" for="node" attr.name="cost" attr.type="string"/>
<key id="b" for="edge" attr.name="bytes" attr.type="long"/>
<graph edgedefault="directed">
<data key="l">[{"src": "x", "dst": "y", "bw_bytes_per_ns": 1, "latency_ns": 1}]</data>
<node id="a"><data key="x">3</data></node>
<node id="b"><data key="c">{"y": 5}</data></node>
<edge source="a" target="b"><data key="b">4</data></edge>
</graph></graphml>
"""


def test_graphml_is_read_through_networkx(tmp_path: Path) -> None:
    found = solved(write(tmp_path, GRAPHML, "g.graphml"))
    assert (found["makespan_ns"], found["status"]) == (3 + 5 + 5, "optimal")
    assert [(row["src"], row["dst"]) for row in found["transfers"]] == [("a", "b")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "GraphML"),
        ("<graphml/>", "GraphML"),
        (GRAPHML[:-40], "GraphML"),
        (GRAPHML.replace("directed", "undirected"), "a directed graph"),
        (GRAPHML.replace(">3<", ">x<"), "GraphML"),
        (GRAPHML.replace(">3<", ">-3<"), "-3"),
        (GRAPHML.replace('"y", "bw', '"z", "bw'), "'z'"),
        (GRAPHML.replace('{"y": 5}', "none"), "'y'"),
    ],
)
def test_malformed_graphml_is_refused(tmp_path: Path, text: str, word: str) -> None:
    refused(hptc("solve", write(tmp_path, text, "g.graphml")), 3, word)


DOT = """digraph {
  links="[{\\"src\\": 0, \\"dst\\": 1, \\"bw_bytes_per_ns\\": 1, \\"latency_ns\\": 1}]";
  a [cost_x=3]; "b c" [cost_y=5];
  edge [bytes=4];
  a -> "b c";
}
"""


@pytest.mark.filterwarnings("ignore")  # pydot calls what pyparsing deprecates
def test_dot_is_read_where_pydot_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("pydot")
    found = solved(write(tmp_path, DOT, "g.dot"))
    assert (found["makespan_ns"], found["assignment"][1]["task"]) == (13, "b c")
    refused(hptc("solve", write(tmp_path, "digraph {", "g.dot")), 3, "DOT")


def test_dot_without_pydot_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydot", None)
    refused(hptc("solve", write(tmp_path, DOT, "g.dot")), 2, "pip install pydot")


def test_the_documented_example_is_solved(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "problem.md").read_text()
    example = text.split("```json\n")[1].split("```")[0]
    assert solved(write(tmp_path, example))["status"] == "optimal"
