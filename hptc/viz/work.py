"""How much work a phase holds, by tag, by role and by device."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from hptc.ir.graph import Graph, Role
from hptc.ir.ops import macs
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
        work, count = weight.get(key(op), (0, 0))
        weight[key(op)] = (work + op.macs, count + 1)
    return max(weight, key=lambda name: (*weight[name], -order.index(name)), default="")


def tally(
    ops: Iterable[OpRow], key: Callable[[OpRow], str], order: Sequence[str]
) -> tuple[WorkRow, ...]:
    """Return operations and MACs by tag or role, in the given order, without empty rows."""
    count: Counter[str] = Counter()
    work: Counter[str] = Counter()
    for op in ops:
        count[key(op)] += 1
        work[key(op)] += op.macs
    return tuple(WorkRow(name, count[name], work[name]) for name in order if count[name])


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
