"""Which axes of an operation can be cut into chunks of rows (DESIGN section 7, row tiling).

Each kind declares a letter for every axis of its operands and outputs, as an einsum does: for
`aten.mm` `mk,kn->mn`. An axis whose letter the outputs share is `map`, one they lack is `reduce`,
and one without a letter is `all`, as is every axis of a kind without a rule. `loop` follows one
operand's rows through an operation, `stream` those of several, `streams` through a whole step, and
`row_flows` counts how much of a step streams. `resized` fits an operation to the shape of a chunk.
"""

from hptc.ir.axes.loops import Loop, Rows, labels, loop
from hptc.ir.axes.model import Accumulate, Labels
from hptc.ir.axes.report import RowFlow, row_flows
from hptc.ir.axes.shapes import resized
from hptc.ir.axes.streams import Flow, Stream, stream, streams

__all__ = [
    "Accumulate",
    "Flow",
    "Labels",
    "Loop",
    "RowFlow",
    "Rows",
    "Stream",
    "labels",
    "loop",
    "resized",
    "row_flows",
    "stream",
    "streams",
]
