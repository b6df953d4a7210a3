"""Printing the graph after a pass."""

from collections.abc import Callable

import typer

from hptc.errors import UsageError
from hptc.ir.graph import Graph
from hptc.ir.text import to_text
from passes import PIPELINE


def dump_after(name: str) -> Callable[[str, Graph], None]:
    """Return a hook that prints the graph after a pass; raises UsageError for an unknown one."""
    known = [step.name for step in PIPELINE]
    if name not in known:
        raise UsageError("--dump-ir-after", expected=f"one of {', '.join(known)}", found=name)

    def dump(finished: str, graph: Graph) -> None:
        if finished == name:
            typer.echo(f"// after {name}\n{to_text(graph)}", err=True)

    return dump
