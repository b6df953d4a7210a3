"""What one ONNX operation means in torch: a function, and which of its inputs must be known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the op tables.

    `run` takes the inputs of the node by position and its attributes by name, so an argument that
    moved from attribute to input between opsets (`axes`, `split`, `ratio`) needs one row only.
    Of several rows of one op that hold at an opset, the one with the highest `since` counts, then
    the one with an `until`.
    """

    op: str
    run: Callable[..., Any]
    since: int = 1
    until: int | None = None
    """The last opset in which the op means this; None if it still does."""
    static: tuple[int, ...] = ()
    """Input positions that must be known at import; `run` gets them as Python numbers."""
    soft: tuple[int, ...] = ()
    """Positions handed over as a Python number where they hold one known element."""
    counts_outputs: bool = False
    """`run` wants to know how many outputs are read, as the keyword `outputs`."""
    whole: bool = False
    """The node has one output; a tuple is that output, a sequence, and not several outputs."""
    data_dependent: bool = False
    """The shape of the result depends on values: it can be run, but not captured unless known."""
    random: bool = False
    """The result is drawn anew each time, so it is never folded."""
    shape_only: bool = False
    """The result depends on the shapes of the inputs alone, which are static."""
    domain: str = ""


def only(known: int | tuple[int, ...]) -> int:
    """Return the one number of a static input, which may be a vector of one element."""
    return known[0] if isinstance(known, tuple) else known


def variadic(rows: dict[str, Callable[..., Any]], *, since: int = 1) -> tuple[Rule, ...]:
    """Return plain rows: every input is a tensor and nothing has to be known at import."""
    return tuple(Rule(op, run, since) for op, run in rows.items())
