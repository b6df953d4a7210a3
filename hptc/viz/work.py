"""How much work a phase holds, by tag, by role and by device."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

from hptc.ir.graph import Graph, Op, Role
from hptc.ir.ops import macs, work
from hptc.viz.data import InstructionRow, OpRow, PlacementRow, WorkRow

UNTAGGED = "untagged"
TAGS = ("static", "trainable", "dynamic", "folded", UNTAGGED)
ROLES = tuple(role.value for role in Role)


def op_rows(graph: Graph) -> tuple[OpRow, ...]:
    """Return the operations of a graph in its order."""
    return tuple(
        OpRow(
            name=op.name,
            kind=op.kind,
            source=op.source,
            role=op.role.value,
            tag=op.tag.value if op.tag else UNTAGGED,
            macs=macs(graph, op),
        )
        for op in graph.ops
    )


def main_of(ops: Sequence[OpRow], key: Callable[[OpRow], str], order: Sequence[str]) -> str:
    """Return the tag or role that holds most of the MACs, then most operations, then comes first.

    Empty without operations.
    """
    weight: dict[str, tuple[int, int]] = {}
    for op in ops:
        weighed, count = weight.get(key(op), (0, 0))
        weight[key(op)] = (weighed + op.macs, count + 1)
    return max(weight, key=lambda name: (*weight[name], -order.index(name)), default="")


def tally(
    graph: Graph, ops: Sequence[OpRow], key: Callable[[OpRow], str], order: Sequence[str]
) -> tuple[WorkRow, ...]:
    """Return the work by tag or role, in the given order, without empty rows."""
    groups: dict[str, list[Op]] = defaultdict(list)
    for op, shown in zip(graph.ops, ops, strict=True):
        groups[key(shown)].append(op)
    return tuple(WorkRow(n, **asdict(work(graph, groups[n]))) for n in order if n in groups)


def placement(ops: Sequence[OpRow], rows: Iterable[InstructionRow]) -> tuple[PlacementRow, ...]:
    """Return what each device does for each tag.

    An operation that runs in several row ranges counts once on a device; the time of an
    instruction goes to its main tag.
    """
    placed: dict[tuple[str, str], set[int]] = defaultdict(set)
    busy: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if not row.ops:
            continue
        busy[row.device, row.tag] += row.end_ns - row.start_ns
        for position in row.ops:
            placed[row.device, ops[position].tag].add(position)
    return tuple(
        PlacementRow(
            device=device,
            tag=tag,
            ops=len(placed[device, tag]),
            macs=sum(ops[position].macs for position in placed[device, tag]),
            busy_ns=busy[device, tag],
        )
        for device, tag in sorted({*placed, *busy}, key=lambda key: (key[0], TAGS.index(key[1])))
    )
