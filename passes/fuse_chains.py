"""fuse-chains: group operations into the tasks that are placed together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from hptc.errors import UsageError
from hptc.ir.graph import Graph, Op, Role
from hptc.ir.once import retagged
from passes.grouping import Groups

_SUFFIX = {
    Role.FORWARD: "",
    Role.INPUT_GRADIENT: ".dx",
    Role.WEIGHT_GRADIENT: ".dw",
    Role.OPTIMIZER: ".step",
}


@dataclass(frozen=True, slots=True)
class FuseChains:
    """Set the task of every operation that is not folded, and put tasks one after the other.

    1. What the optimizer does for one parameter is one task, and so is what it derives from state
       alone for several parameters (bias corrections).
    2. A contraction is a task with the views it reads.
    3. Any other operation joins its readers' task if all of them are in one task of the same role
       and of the same rows that holds no contraction.
    4. A view left over joins the task of what it looks at.

    Merging into the only successor, or a view into its only predecessor, cannot close a cycle.
    """

    name: str = "fuse-chains"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with tasks.

        Raises:
            UsageError: An operation has no operand tag.
        """
        for op in graph.ops:
            if op.tag is None:
                raise UsageError(
                    f"operation {op.name}",
                    expected="an operand tag",
                    found="none",
                    hint="Run the pass tag-operands first.",
                )
        groups = Groups.of(graph)
        ordered = tuple(_ordered(graph, groups.lead))
        leads = [groups.lead.get(op.name, "") for op in ordered]
        names = _named(graph, dict.fromkeys(filter(None, leads)), groups.titles)
        ops = tuple(
            replace(op, task=names.get(lead)) for op, lead in zip(ordered, leads, strict=True)
        )
        results = (graph.by_name[name] for op in ops for name in op.outputs)
        return retagged(graph, values=(*graph.given, *results), ops=ops)


def _named(graph: Graph, leads: Iterable[str], titles: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each group, by leading operation: what it serves or comes from."""
    names: dict[str, str] = {}
    uses: dict[str, int] = {}
    taken: set[str] = set()
    for lead in leads:
        op = graph.op_by_name[lead]
        title = titles.get(lead) or (op.source or op.name) + _SUFFIX[op.role]
        name = title
        while name in taken:
            uses[title] = uses.get(title, 1) + 1
            name = f"{title}.{uses[title]}"
        taken.add(name)
        names[lead] = name
    return names


def _ordered(graph: Graph, leads: Mapping[str, str]) -> Iterator[Op]:
    """Yield folded operations, then group after group; groups that may start stay in order."""
    members: dict[str, list[Op]] = {}
    for op in graph.ops:
        if op.name in leads:
            members.setdefault(leads[op.name], []).append(op)
        else:
            yield op
    place = {lead: position for position, lead in enumerate(members)}
    before = {lead: _groups_before(graph, leads, lead, ops) for lead, ops in members.items()}
    after: dict[str, list[str]] = {lead: [] for lead in members}
    for lead, earlier in before.items():
        for maker in earlier:
            after[maker].append(lead)
    ready = [(place[lead], lead) for lead in members if not before[lead]]
    while ready:
        _, lead = heappop(ready)
        yield from members[lead]
        for reader in after[lead]:
            before[reader].remove(lead)
            if not before[reader]:
                heappush(ready, (place[reader], reader))


def _groups_before(
    graph: Graph, leads: Mapping[str, str], lead: str, ops: Sequence[Op]
) -> set[str]:
    makers = (graph.producer.get(name) for op in ops for name in op.inputs)
    return {leads[maker.name] for maker in makers if maker and maker.name in leads} - {lead}
