"""Analyses that are worked out once for each graph."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from hptc.ir.graph import Graph

Found = TypeVar("Found")


def once(analysis: Callable[[Graph], Found]) -> Callable[[Graph], Found]:
    """Return an analysis whose result is kept with the graph, which never changes."""
    name = f"_{analysis.__qualname__}"

    @wraps(analysis)
    def known(graph: Graph) -> Found:
        kept: dict[str, Found] = vars(graph)
        if name not in kept:
            kept[name] = analysis(graph)
        return kept[name]

    return known
