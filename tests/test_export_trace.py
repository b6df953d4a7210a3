"""The Chrome trace against the trace event format."""

import json
from typing import Any

import pytest

from hptc.export.trace import chrome_trace
from hptc.ir.graph import Phase
from hptc.schedule.model import InstructionKind
from tests.bundles import HOSTILE, make_bundle


@pytest.fixture(scope="module")
def trace() -> Any:
    return json.loads(json.dumps(chrome_trace(make_bundle()), allow_nan=False))


@pytest.fixture(scope="module")
def events(trace: Any) -> list[dict[str, Any]]:
    return list(trace["traceEvents"])


def _complete(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["ph"] == "X"]


def test_every_event_has_what_the_format_asks_for(events: list[dict[str, Any]]) -> None:
    assert {event["ph"] for event in events} == {"M", "X"}
    for event in events:
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert isinstance(event["name"], str)
        assert event["name"]
    for event in _complete(events):
        assert isinstance(event["ts"], float)
        assert event["ts"] >= 0
        assert event["dur"] >= 0


def test_processes_and_threads_are_named(events: list[dict[str, Any]]) -> None:
    processes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert processes == {1: "full", 2: "low"}
    threads = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in events
        if event["name"] == "thread_name"
    }
    assert {(event["pid"], event["tid"]) for event in _complete(events)} == set(threads)
    names = [name for (pid, _), name in threads.items() if pid == 2]
    assert names[:6] == ["gpu", "systolic", "xbar/w0", "xbar/w1", "xbar/w2", "xbar/w3"]
    assert names[6:8] == ["systolic->gpu", "xbar->gpu"]
    entries = [f"entry: {name}" for name in ("gpu", *(f"xbar/w{at}" for at in range(4)))]
    assert names[8:] == [*entries, "exit: systolic"]


def test_slices_of_a_thread_do_not_overlap(events: list[dict[str, Any]]) -> None:
    ends: dict[tuple[int, int], float] = {}
    for event in _complete(events):
        thread = event["pid"], event["tid"]
        assert event["ts"] >= ends.get(thread, 0) - 1e-9
        ends[thread] = event["ts"] + event["dur"]


def test_every_timed_instruction_is_there_in_microseconds(events: list[dict[str, Any]]) -> None:
    bundle = make_bundle()
    schedule = bundle.phases[Phase.LOW].schedule
    timed = [item for item in schedule.step if item.kind is not InstructionKind.FREE]
    low = [event for event in _complete(events) if event["pid"] == 2]
    assert len(low) == len(timed) + len(schedule.prologue) + len(schedule.epilogue)
    assert max(event["ts"] + event["dur"] for event in low if event["args"]["kind"] == "exec") == (
        pytest.approx(max(item.end_ns for item in timed) / 1_000)
    )


def test_arguments_tell_tag_role_ops_and_energy(events: list[dict[str, Any]]) -> None:
    (event,) = (
        event
        for event in _complete(events)
        if event["pid"] == 2 and event["name"] == f"{HOSTILE}.0.query"
    )
    assert event["cat"] == "exec,static"
    assert event["args"] == {
        "kind": "exec",
        "device": "xbar",
        "tag": "static",
        "role": "forward",
        "ops": [f"{HOSTILE}.mm.0 (aten.mm.default)"],
        "modules": ["model.encoder.layer.0.attention.query"],
        "energy_pj": 41_000.0,
    }


def test_transfers_lie_on_their_link(events: list[dict[str, Any]]) -> None:
    moves = [event for event in _complete(events) if event["args"]["kind"] == "transfer"]
    assert {event["args"]["source"] for event in moves} == {"xbar", "systolic"}
    assert "ops" not in moves[0]["args"]


def test_trace_names_model_and_target(trace: Any) -> None:
    assert trace["otherData"] == {"model": "tiny", "target": "hybrid"}
    assert trace["displayTimeUnit"] == "ns"
