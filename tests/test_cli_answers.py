"""Answers of `hptc solve`: rich ones, and all that is wrong with broken ones."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import hptc, refused
from tests.solve_files import RERAM, W, edge, problem, solved, task, write


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
            {"id": "w", "modes": [{"device": "reram", "duration_ns": 5, "matrix": "w"}]},
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
    "energy": (lambda a: a.update(energy_nj=0.001), "energy_nj is that of the assignment"),
    "value": (lambda a: a.update(objective_value=12), "objective_value"),
    "latency limit": (lambda a: a.update(latency_limit_ns=12), "latency_limit_ns is kept"),
    "energy limit": (lambda a: a.update(energy_limit_nj=-1), "energy_limit_nj is kept"),
    "bound": (lambda a: a.update(lower_bound_ns=99), "no bound above the makespan"),
    "objective's bound": (lambda a: a.update(objective_bound=99), "no bound above the objective"),
    "gap": (lambda a: a.update(gap=0.1), "gap is that of the value from its bound"),
    "objective's gap": (lambda a: a.update(objective_gap=0.1), "objective_gap"),
    "not proven": (lambda a: a.update(objective_bound=10, objective_gap=0.3), "meets its bound"),
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


FRONT = {
    "devices": ["x", "y"],
    "links": [],
    "tasks": [
        {
            "id": "a",
            "modes": [
                {"device": 0, "duration_ns": 3, "energy_pj": 9000},
                {"device": 1, "duration_ns": 5, "energy_pj": 2000},
            ],
        }
    ],
    "edges": [],
}
"""Its front is (3 ns, 9 nJ) and (5 ns, 2 nJ)."""

BROKEN_FRONTS: dict[str, tuple[Callable[[Answer], object], str]] = {
    "latency": (lambda f: f["points"][0].update(latency_ns=2), "latency_ns is that"),
    "energy": (lambda f: f["points"][1].update(energy_nj=1), "energy_nj is that"),
    "bound": (lambda f: f["points"][1].update(energy_bound_nj=3), "no bound above the energy"),
    "gap": (lambda f: f["points"][0].update(energy_bound_nj=3), "gap is that of the value"),
    "latency bound": (lambda f: f.update(latency_bound_ns=4), "no bound above the latency"),
    "tasks": (lambda f: f["points"][0].update(tasks={"x": 0, "y": 1}), "tasks by device"),
    "order": (lambda f: f["points"].reverse(), "no point of a front beats another"),
    "twice": (lambda f: f["points"].append(f["points"][1]), "no point of a front beats another"),
    "incomplete": (lambda f: f["points"].pop(0), "a complete front has all that is best"),
    "rule": (lambda f: f["points"][0]["assignment"][0].update(end_ns=2), "task duration"),
}


@pytest.mark.parametrize("kind", BROKEN_FRONTS)
def test_a_broken_front_names_its_rule(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, FRONT)
    answer = solved(path, "--pareto", "4")
    spoil, rule = BROKEN_FRONTS[kind]
    spoil(answer["pareto"])
    refused(hptc("solve", path, "--check", write(tmp_path, answer, "answer.json")), 1, rule)


def test_points_of_a_front_keep_the_limits_and_their_form(tmp_path: Path) -> None:
    path = write(tmp_path, FRONT)
    answer = solved(path, "--pareto", "4")
    spoilt = write(tmp_path, answer | {"latency_limit_ns": 4}, "answer.json")
    refused(hptc("solve", path, "--check", spoilt), 1, "point 1", "latency_limit_ns is kept")
    refused(hptc("solve", path, "--check", spoilt, "--energy-limit", "8"), 1, "energy limit")
    del answer["pareto"]["points"][0]["assignment"]
    spoilt = write(tmp_path, answer, "answer.json")
    refused(hptc("solve", path, "--check", spoilt), 3, "pareto: point 0", "without assignment")


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
    answer = solved(path)
    told = {"status": "best", "objective": "fun", "gap": True, "energy_nj": "much"}
    figures = [json.dumps(answer | {key: figure}) for key, figure in told.items()]
    figures += [json.dumps(answer | {"energy_nj": figure}) for figure in (math.nan, 10**400)]
    for text in ("[]", "{}", "x", '{"assignment": [3], "transfers": []}', *figures):
        refused(hptc("solve", path, "--check", write(tmp_path, text, "a.json")), 3, "a.json")
    refused(hptc("solve", path, "--check", tmp_path / "none.json"), 3, "none.json")


def test_answers_of_stg_graphs_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path, "2\n0 0 0\n1 5 1 0\n2 4 1 0\n3 0 2 1 2\n", "g.stg")
    assert solved(path, "--processors", "2")["makespan_ns"] == 5
