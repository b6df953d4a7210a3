"""Why the operations of a compiled phase run where they do.

A bundle keeps graph, schedule and target: the prices of its tasks are worked out anew from them, as
the compiler did, and the schedule is read back as an answer to the problem that they pose.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from cost_models.load import target_from_toml
from cost_models.price import price
from hptc.errors import BundleError, UsageError, VerifyError
from hptc.ir.graph import Graph, Op, Phase
from hptc.ir.tasks import Task, tasks_of
from hptc.partition import problem as pb
from hptc.partition.check import check
from hptc.partition.explain.explain import Choice, Explainer
from hptc.partition.explain.figures import choice_json
from hptc.schedule.model import Bundle, CompiledPhase, Instruction, InstructionKind, Schedule
from hptc.schedule.pose import Posed, pose
from hptc.schedule.wear import DEFAULT_STEPS

Json = dict[str, object]

MATCHES = 3
"""Names like the one that is not there, in the message."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for in one phase: an operation, a task, or both."""

    op: Op | None
    task: Task | None
    """None for an operation that is folded: it runs once at phase entry."""


class PhaseExplainer:
    """Explains the placement of one phase.

    Args:
        compiled: The phase.
        steps: Of the phase, against endurance, as it was compiled for.

    Raises:
        BundleError: This version of hptc prices the phase otherwise than the one that compiled it.
        UsageError: Tasks run again in the phase.
    """

    def __init__(self, compiled: CompiledPhase, steps: int) -> None:
        self._graph = compiled.graph
        self._tasks = {task.name: task for task in tasks_of(compiled.graph)}
        where = f"phase {compiled.graph.phase.value}"
        tasks = tuple(self._tasks.values())
        runs = [i.task for i in compiled.schedule.step if i.kind is InstructionKind.EXEC]
        if len(set(runs)) < len(runs):
            raise UsageError(
                where,
                expected="a phase each of whose tasks runs once a step",
                found=f"{len(runs) - len(set(runs))} reruns, which save memory",
                hint="`hptc inspect` shows when each runs.",
            )
        target = target_from_toml(compiled.target_toml, f"target of the {where}")
        costs = price(compiled.graph, tasks, target)
        self._posed = pose(compiled.graph, tasks, costs, target, steps=steps)
        try:
            assignment = assignment_of(self._posed, compiled.schedule)
            check(self._posed.problem, assignment)
        except (VerifyError, LookupError) as error:
            raise BundleError(
                where,
                expected="tasks that cost what they did when the bundle was compiled",
                found=str(error),
                hint="Compile it again: the cost models of this version differ.",
            ) from None
        self._explainer = Explainer(self._posed.problem, assignment)

    def explain(self, found: Found) -> Json:
        """Return what an operation or task is, where it runs, and what it costs elsewhere."""
        op, task = found.op, found.task
        ops = () if task is None else tuple(op.name for op in task.ops)
        told: Json = {
            "op": None if op is None else op.name,
            "kind": None if op is None else op.kind,
            "role": None if op is None else op.role.value,
            "tag": None if op is None or op.tag is None else op.tag.value,
            "source": None if op is None else op.source,
            "task": None if task is None else task.name,
            "ops": list(ops),
            "placement": None,
        }
        if task is not None:
            choice = self._choice(task)
            told["placement"] = choice_json(self._posed.problem, choice, task.name)
        return told

    def _choice(self, task: Task) -> Choice:
        return self._explainer.choice(self._posed.tasks.index(task.name))


def explain(bundle: Bundle, name: str, phase: Phase | None = None) -> dict[str, Json]:
    """Return what an operation or task is, where it runs and what it costs elsewhere, by phase.

    Args:
        bundle: A compiled program.
        name: Of an operation or a task.
        phase: Which phase; None takes all that have the name.

    Raises:
        BundleError: The bundle was compiled with other cost models.
        UsageError: The bundle lacks the phase, or no phase has the name; says which are alike.
    """
    if phase is not None and phase not in bundle.phases:
        there = ", ".join(known.value for known in bundle.phases)
        raise UsageError("--phase", expected=f"one of {there}", found=phase.value)
    phases = {p: c for p, c in bundle.phases.items() if phase in (None, p)}
    found = {p: _find(compiled.graph, name) for p, compiled in phases.items()}
    named = {p: item for p, item in found.items() if item is not None}
    if not named:
        raise _unknown(name, (compiled.graph for compiled in phases.values()))
    return {
        p.value: PhaseExplainer(phases[p], _steps(bundle, p)).explain(item)
        for p, item in named.items()
    }


def _steps(bundle: Bundle, phase: Phase) -> int:
    given = bundle.options.get("steps")
    steps = given.get(phase.value) if isinstance(given, Mapping) else None
    return steps if isinstance(steps, int) else DEFAULT_STEPS


def assignment_of(posed: Posed, schedule: Schedule) -> pb.Assignment:
    """Return a schedule as an answer to the problem that it was built from.

    Raises LookupError where it does not fit the problem.
    """
    execs = {i.task: i for i in schedule.step if i.kind is InstructionKind.EXEC}
    placements = tuple(
        pb.Placement(_mode(posed, index, execs[name]), execs[name].start_ns, execs[name].end_ns)
        for index, name in enumerate(posed.tasks)
    )
    at = [
        task.modes[placement.mode].device
        for task, placement in zip(posed.problem.tasks, placements, strict=True)
    ]
    values = {
        (name, posed.devices[at[value.src]]): index
        for index, (name, value) in enumerate(zip(posed.values, posed.problem.values, strict=True))
    }
    links = {
        (posed.devices[link.src], posed.devices[link.dst]): index
        for index, link in enumerate(posed.problem.links)
    }

    def transfer(sent: Instruction) -> pb.Transfer:
        v, link = values[sent.value, sent.source], links[sent.source, sent.device]
        write = posed.problem.values[v].written(posed.problem.links[link].dst)
        return pb.Transfer(v, link, sent.start_ns, sent.end_ns + write.duration_ns)

    sends = (i for i in schedule.step if i.kind is InstructionKind.TRANSFER)
    return pb.Assignment(placements, tuple(map(transfer, sends)))


def _mode(posed: Posed, task: int, run: Instruction) -> int:
    """Return the mode that an EXEC runs: its device, and the matrix that it reads there."""
    for index, mode in enumerate(posed.problem.tasks[task].modes):
        device = posed.devices[mode.device]
        matrix = "" if mode.matrix is None else f"/{posed.matrices[mode.matrix][1]}"
        is_unit = posed.problem.devices[mode.device].count > 1 and run.device == device
        if is_unit or run.resource == device + matrix:
            return index
    raise LookupError(f"no price of the task {run.task} on {run.resource}")


def _find(graph: Graph, name: str) -> Found | None:
    op = graph.op_by_name.get(name)
    wanted = name if op is None else op.task
    task = next((task for task in tasks_of(graph) if task.name == wanted), None)
    return None if op is None and task is None else Found(op, task)


def _unknown(name: str, graphs: Iterable[Graph]) -> UsageError:
    known = {n for graph in graphs for op in graph.ops for n in (op.name, op.task) if n}
    near = get_close_matches(name, sorted(known), n=MATCHES, cutoff=0.0)
    return UsageError(
        f"operation {name!r}",
        expected="an operation or a task of the bundle",
        found="neither",
        hint=f"Near to it: {', '.join(near)}." if near else "",
    )
