"""The makespan relaxation: a linear program whose dual values prove a bound.

Variables, all between known limits: x (task in mode), p (task on device), z (edge of the task graph
from device to device), y (value sent over a link), h (matrix held), s (start of a task) and the
makespan T. Rows:

- each task takes one mode, and the edges agree with the devices of both ends;
- a value is sent over a link at least as much as any of its edges uses it;
- every device, matrix and link is busy no longer than T, several units no longer than T each;
- the tasks of a group take each device to the same share;
- a reader starts after its source's time and their transfer; every task ends by T;
- what leads to a task of a longest path is done before it, what follows after it
  (`bounds.sides`);
- held matrices keep the capacity;
- what lies on a device keeps its memory, throughout and over time (`bounds.room`).

Every schedule of makespan at most `horizon` satisfies these, so the optimum bounds it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum

from hptc.partition.bounds.chain import Stretch
from hptc.partition.bounds.loads import Relaxation, add_loads, loads
from hptc.partition.bounds.lp import Rows
from hptc.partition.bounds.room import add_room
from hptc.partition.bounds.sides import add_sides, add_stretches
from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.tables import Pair

PIECE = 100
"""Without links little connects tasks: a program is as hard as pieces of so many (measured)."""


class Detail(Enum):
    """How much of the problem a relaxation holds: the less, the sooner it is solved."""

    DEVICES = "the loads of devices"
    PATHS = "the loads, and who waits for whom"
    SIDES = "that, and the loads before and after each task of a longest path"


def relaxation(
    instance: Instance,
    horizon: int,
    detail: Detail = Detail.PATHS,
    stretches: Sequence[Stretch] = (),
) -> Relaxation:
    """Build the rows for schedules of makespan at most `horizon` ns, without a cost.

    With `Detail.SIDES` they may hold what is proven of stretches of the path.
    """
    built = loads(instance, horizon)
    if detail is Detail.DEVICES:
        built.rows.pieces = max(1, instance.tasks // PIECE)
    if detail is not Detail.DEVICES:
        for task, lits in enumerate(built.chosen):
            last = {built.makespan: 1, built.start[task]: -1}
            work = zip(lits, instance.duration[task], strict=True)
            built.rows.add(last | {lit: -length for lit, length in work}, 0, is_time=True)
        everything = [0] * instance.tasks
        _add_links(instance, built, [built.makespan], everything, waits=True)
    if detail is Detail.SIDES:
        add_sides(instance, built)
        add_stretches(instance, built, stretches, horizon)
    add_room(instance, built)
    return built


def paced(instance: Instance, horizon: int, turn: Sequence[int]) -> Relaxation:
    """Build the rows for loads that are level within each turn: no bound, but a good choice.

    The turns follow each other, so the makespan is at least the sum of what they take.

    Args:
        instance: The problem.
        horizon: The longest makespan in ns.
        turn: Of each task, counted from 0. A value is sent in the turn of its source.
    """
    built = loads(instance, horizon)
    rows = built.rows
    rows.pieces = max(turn) + 1
    spans = [rows.variable(horizon, is_time=True) for _ in range(rows.pieces)]
    tasks: list[list[int]] = [[] for _ in spans]
    for task, own in enumerate(turn):
        tasks[own].append(task)
    for span, members in zip(spans, tasks, strict=True):
        add_loads(instance, built, span, members)
    _add_links(instance, built, spans, turn)
    rows.add({built.makespan: 1} | dict.fromkeys(spans, -1), 0, is_time=True)
    return built


def _add_links(
    instance: Instance,
    built: Relaxation,
    spans: Sequence[int],
    turn: Sequence[int],
    *,
    waits: bool = False,
) -> None:
    """Every link is busy with what the tasks of each turn send no longer than that turn's span.

    Args:
        instance: The problem.
        built: Gains the rows.
        spans: The variable of each turn's time in ns.
        turn: Of each task.
        waits: Whether readers wait, too.
    """
    wires: dict[tuple[Pair, int], dict[int, int]] = defaultdict(dict)
    for v, value in enumerate(instance.problem.values):
        uses: dict[Pair, list[int]] = defaultdict(list)
        for reader in dict.fromkeys(value.readers):
            if reader != value.src:
                edges = _edges(instance, built, v, reader)
                for (source, sink), edge in edges.items():
                    if source != sink:
                        uses[source, sink].append(edge)
                if waits:
                    _add_wait(instance, built, v, reader, edges)
        for (source, sink), shares in uses.items():
            built.sent[v, source, sink] = sent = _largest(built.rows, shares)
            load = wires[(source, sink), spans[turn[value.src]]]
            load[sent] = load.get(sent, 0) - instance.send[v][source][sink]
    for (_, span), load in wires.items():
        built.rows.add({span: 1} | load, 0, is_time=True)


def _largest(rows: Rows, shares: Sequence[int]) -> int:
    """Return a variable of at least the largest share."""
    if len(shares) == 1:
        return shares[0]
    largest = rows.variable(1)
    for share in shares:
        rows.add({largest: 1, share: -1}, 0)
    return largest


def _add_wait(
    instance: Instance, built: Relaxation, v: int, reader: int, edges: Mapping[Pair, int]
) -> None:
    """A reader starts after its source's time and their transfer."""
    value = instance.problem.values[v]
    wait = {built.start[reader]: 1}
    if not value.carried:
        wait[built.start[value.src]] = -1
        modes = zip(built.chosen[value.src], instance.duration[value.src], strict=True)
        wait |= {lit: -length for lit, length in modes}
    for (source, sink), edge in edges.items():
        if source != sink:
            length = instance.send[v][source][sink]
            wait[edge] = wait.get(edge, 0) - length
    built.rows.add(wait, 0, is_time=True)


def _edges(instance: Instance, built: Relaxation, v: int, reader: int) -> dict[Pair, int]:
    """Return the variable of each pair of devices of an edge; pairs without a link are left out.

    Where one end has a single device, those of the other end say everything.
    """
    src, rows = instance.problem.values[v].src, built.rows
    sources, sinks = built.placed[src], built.placed[reader]
    pairs = [(a, b) for a in sources for b in sinks if instance.send[v][a][b] != NO_LINK]
    if len(sources) == 1:
        found = {(a, b): sinks[b] for a, b in pairs}
    elif len(sinks) == 1:
        found = {(a, b): sources[a] for a, b in pairs}
    else:
        found = {pair: rows.variable(1) for pair in pairs}
        for end, places in enumerate((sources, sinks)):
            for device, here in places.items():
                whole = {edge: 1 for pair, edge in found.items() if pair[end] == device}
                rows.add(whole | {here: -1}, 0, is_equal=True)
        return found
    for end, places in enumerate((sources, sinks)):
        for device, here in places.items():
            if all(pair[end] != device for pair in pairs):
                rows.add({here: -1}, 0)
    return found
