"""The passes over a step graph: the registry, their order, and the one loop that runs them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from hptc.errors import HptcError
from hptc.ir.graph import Graph
from hptc.ir.verify import verify
from passes.accumulate_gradients import AccumulateGradients
from passes.assign_roles import AssignRoles
from passes.commute_scales import CommuteScales
from passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from passes.eliminate_dead_code import EliminateDeadCode
from passes.fuse_chains import FuseChains
from passes.sink_views import SinkViews
from passes.tag_operands import TagOperands
from passes.tag_residency import TagResidency
from passes.tile_rows import TileRows

__all__ = ["PIPELINE", "Observer", "Pass", "TileRows", "accumulate", "run_passes", "tile"]


class Pass(Protocol):
    """A total function on verified graphs; equal input gives equal output."""

    @property
    def name(self) -> str:
        """The name users know the pass by."""
        ...

    def __call__(self, graph: Graph) -> Graph:
        """Return the changed graph."""
        ...


Observer = Callable[[str, Graph], None]
"""Called with the name of each pass that ran and the graph it returned."""

PIPELINE: tuple[Pass, ...] = (
    CommuteScales(),
    EliminateCommonSubexpressions(),
    EliminateDeadCode(),
    SinkViews(),
    TagResidency(),
    TagOperands(),
    AssignRoles(),
    FuseChains(),
)
"""Every pass, in the order in which the compiler runs them."""


def tile(graph: Graph, tiling: TileRows) -> Graph:
    """Return a graph that went through the pipeline in chunks of rows, tagged and with tasks."""
    for step in (tiling, TagResidency(), TagOperands(), FuseChains()):
        graph = step(graph)
    verify(graph)
    return graph


def accumulate(graph: Graph) -> Graph:
    """Return a graph that went through the pipeline as one of several micro-batches."""
    graph = AccumulateGradients()(graph)
    verify(graph)
    return graph


def run_passes(graph: Graph, passes: Sequence[Pass], observe: Observer | None = None) -> Graph:
    """Run passes in order, verifying the graph before the first and after each.

    Args:
        graph: The graph to start from.
        passes: The passes, first to last.
        observe: Called after each pass.

    Raises:
        HptcError: A rule is broken or a pass refused; a note names the pass.
    """
    verify(graph)
    for step in passes:
        try:
            graph = step(graph)
            verify(graph)
        except HptcError as err:
            err.add_note(f"in pass {step.name}, phase {graph.phase.value}")
            raise
        if observe is not None:
            observe(step.name, graph)
    return graph
