"""A compiled program as Chrome trace events, for Perfetto and `chrome://tracing`.

Format: "Trace Event Format", Google, 2016; JSON object form. Each phase is a process, each resource
a thread; the instructions of phase entry and exit, whose times count from their own zero, lie on
threads of their own. FREE takes no time and is left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from hptc.ir.graph import Op, Phase
from hptc.schedule.model import Bundle, CompiledPhase, Instruction, InstructionKind
from hptc.units import NS_PER_US

Event = dict[str, object]


def chrome_trace(bundle: Bundle) -> dict[str, object]:
    """Return the schedules of `bundle` as one JSON value in the trace event format."""
    compiled = [bundle.phases[phase] for phase in Phase if phase in bundle.phases]
    return {
        "traceEvents": [
            event for pid, phase in enumerate(compiled, 1) for event in _process(pid, phase)
        ],
        "displayTimeUnit": "ns",
        "otherData": {"model": bundle.name, "target": bundle.report.get("target", "unknown")},
    }


def _process(pid: int, compiled: CompiledPhase) -> Iterator[Event]:
    """Yield the names of a phase and its threads, then their events."""
    phase, ops = compiled.graph.phase.value, compiled.graph.op_by_name
    timed = list(_timed(compiled))
    tids = {thread: tid for tid, thread in enumerate(dict.fromkeys(name for name, _ in timed), 1)}
    yield _metadata(pid, 0, "process_name", {"name": phase})
    yield _metadata(pid, 0, "process_sort_index", {"sort_index": pid})
    for thread, tid in tids.items():
        yield _metadata(pid, tid, "thread_name", {"name": thread})
        yield _metadata(pid, tid, "thread_sort_index", {"sort_index": tid})
    for thread, instruction in timed:
        yield _complete(pid, tids[thread], instruction, [ops[name] for name in instruction.ops])


def _timed(compiled: CompiledPhase) -> Iterator[tuple[str, Instruction]]:
    """Yield thread and instruction: the step's, ordered by resource, then entry and exit."""
    schedule = compiled.schedule
    stages = (("", schedule.step), ("entry: ", schedule.prologue), ("exit: ", schedule.epilogue))
    for prefix, instructions in stages:
        kept = [item for item in instructions if item.kind is not InstructionKind.FREE]
        for item in sorted(kept, key=_resource_order):
            yield prefix + item.place, item


def _resource_order(instruction: Instruction) -> tuple[bool, str, int]:
    link = instruction.kind is InstructionKind.TRANSFER
    return link, instruction.place, instruction.start_ns


def _metadata(pid: int, tid: int, name: str, args: dict[str, object]) -> Event:
    return {"ph": "M", "pid": pid, "tid": tid, "name": name, "args": args}


def _complete(pid: int, tid: int, instruction: Instruction, ops: list[Op]) -> Event:
    tags = _most_common(op.tag.value for op in ops if op.tag)
    return {
        "ph": "X",
        "pid": pid,
        "tid": tid,
        "name": instruction.subject,
        "cat": ",".join((instruction.kind.value, *tags[:1])),
        "ts": instruction.start_ns / NS_PER_US,
        "dur": (instruction.end_ns - instruction.start_ns) / NS_PER_US,
        "args": _arguments(instruction, ops, tags),
    }


def _arguments(instruction: Instruction, ops: list[Op], tags: list[str]) -> dict[str, object]:
    """Return what Perfetto shows of a selected event; entries that say nothing are left out."""
    found: dict[str, object] = {
        "kind": instruction.kind.value,
        "device": instruction.device,
        "source": instruction.source,
        "value": instruction.value,
        "tag": ", ".join(tags),
        "role": ", ".join(_most_common(op.role.value for op in ops)),
        "ops": [f"{op.name} ({op.kind})" for op in ops],
        "modules": sorted({op.source for op in ops if op.source}),
        "rows": list(instruction.rows or ()),
        "energy_pj": instruction.energy_pj,
    }
    return {name: value for name, value in found.items() if value not in ("", [])}


def _most_common(names: Iterable[str]) -> list[str]:
    return [name for name, _ in Counter(names).most_common()]
