"""Analyses that are worked out once for each graph."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from hptc.ir.graph import Graph, Op, Value

Found = TypeVar("Found")

_OF_FORM: set[str] = set()
"""Where graphs keep what tags and tasks have no part in."""


def once(analysis: Callable[[Graph], Found]) -> Callable[[Graph], Found]:
    """Return an analysis whose result is kept with the graph, which never changes."""
    name = _kept_as(analysis)

    @wraps(analysis)
    def known(graph: Graph) -> Found:
        kept: dict[str, Found] = vars(graph)
        if name not in kept:
            kept[name] = analysis(graph)
        return kept[name]

    return known


def once_for_form(analysis: Callable[[Graph], Found]) -> Callable[[Graph], Found]:
    """Return the same for an analysis that asks for no tags, residencies, tasks, or their order."""
    _OF_FORM.add(_kept_as(analysis))
    return once(analysis)


def retagged(graph: Graph, *, values: Iterable[Value], ops: Iterable[Op]) -> Graph:
    """Return a graph with other tags, residencies, tasks, or another order; its form is known."""
    found = replace(graph, values=tuple(values), ops=tuple(ops))
    vars(found).update((name, kept) for name, kept in vars(graph).items() if name in _OF_FORM)
    return found


def _kept_as(analysis: Callable[[Graph], object]) -> str:
    return f"_{analysis.__qualname__}"
