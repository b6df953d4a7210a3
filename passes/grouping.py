"""The grouping behind fuse-chains: which operations belong together, without closing a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass

from hptc.ir.contractions import contraction
from hptc.ir.graph import Graph, Op, OperandTag, Residency, Role
from hptc.ir.layout import aliases

_SHARED = "optimizer"
_OUTSIDE = ""
"""Stands for a reader that is not part of the optimizer."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of each operation that is not folded."""

    lead: Mapping[str, str]
    """Name of the operation that leads its group, by operation."""
    titles: Mapping[str, str]
    """Names of the groups of the optimizer, by leading operation."""

    @classmethod
    def of(cls, graph: Graph) -> "Groups":
        """Group the operations of a tagged graph; the groups can always be ordered."""
        live = [op for op in graph.ops if op.tag is not OperandTag.FOLDED]
        views = aliases(graph) & {op.name for op in live}
        lead, titles = _optimizer_groups(graph, live)
        _join_readers(graph, live, views, lead)
        _join_viewed(graph, live, views - titles.keys(), lead)
        return cls(lead, titles)


def _optimizer_groups(graph: Graph, live: list[Op]) -> tuple[dict[str, str], dict[str, str]]:
    """Group what serves one parameter, and what state alone says for several.

    What serves one parameter never leads to what serves several, and what follows from state
    alone never follows from the rest: these groups can be ordered.
    """
    lead: dict[str, str] = {}
    leads: dict[str, str] = {}
    served = _served(graph, live)
    for op in reversed(live):
        names = served[op.name]
        if op.role is not Role.OPTIMIZER or not names or _OUTSIDE in names:
            continue
        if len(names) == 1:
            title = f"{next(iter(names))}.step"
        elif graph.by_name[op.outputs[0]].residency is not Residency.TRANSIENT:
            title = _SHARED
        else:
            continue
        lead[op.name] = leads.setdefault(title, op.name)
    return lead, {name: title for title, name in leads.items()}


def _served(graph: Graph, live: list[Op]) -> dict[str, frozenset[str]]:
    """Return up to two parameters whose update depends on each operation.

    `_OUTSIDE` alone if an operation that is not part of the optimizer depends on it.
    """
    trained = set(graph.trained)
    parameter = {update.new: update.state for update in graph.updates if update.state in trained}
    served: dict[str, frozenset[str]] = {}
    for op in reversed(live):
        found = {parameter[name] for name in op.outputs if name in parameter}
        for name in op.outputs:
            for reader in graph.readers[name]:
                is_outside = reader.role is not Role.OPTIMIZER
                found.update({_OUTSIDE} if is_outside else served[reader.name])
        served[op.name] = frozenset({_OUTSIDE} if _OUTSIDE in found else sorted(found)[:2])
    return served


def _join_readers(
    graph: Graph, live: list[Op], views: frozenset[str], lead: dict[str, str]
) -> None:
    """Let operations join the one group that reads them, from the last to the first.

    A view joins any group; a contraction neither joins nor is joined; what works on one chunk of
    rows stays apart from what works on another.
    """
    for op in reversed(live):
        if op.name in lead:
            continue
        after = {lead[reader.name] for name in op.outputs for reader in graph.readers[name]}
        first = graph.op_by_name[after.pop()] if len(after) == 1 else op
        joins = op.name in views or (
            first.role is op.role
            and first.rows == op.rows
            and first.name not in views
            and contraction(graph, op) is None
            and contraction(graph, first) is None
        )
        lead[op.name] = first.name if joins else op.name


def _join_viewed(graph: Graph, live: list[Op], views: frozenset[str], lead: dict[str, str]) -> None:
    """Let groups of views alone join the group of what they look at."""
    moved: dict[str, str] = {}
    for op in live:
        first = lead[op.name]
        if first not in views:
            continue
        if first not in moved:
            maker = graph.producer.get(op.inputs[0])
            moved[first] = lead[maker.name] if maker and maker.name in lead else first
        lead[op.name] = moved[first]
