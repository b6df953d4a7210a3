"""`hptc explain`: why an operation runs where it does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hptc.cli.arguments import AsJson
from hptc.cli.guard import guarded
from hptc.cli.output import human_energy, human_time, new_table, print_json, print_table, say
from hptc.errors import UsageError


@guarded
def explain_operation(
    bundle: Annotated[Path, typer.Argument(help="A bundle written by compile.")],
    op: Annotated[str, typer.Argument(help="Name of an operation or a task.")],
    phase: Annotated[
        str | None, typer.Option(help="full, low or infer; default all that have it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what an operation is, why it runs where it does, and what it costs elsewhere."""
    from hptc.schedule.bundle import load_bundle
    from hptc.schedule.explain import explain

    found = explain(load_bundle(bundle), op, _phase(phase))
    if as_json:
        print_json({"bundle": str(bundle), "name": op, "phases": found})
        return
    for name, told in found.items():
        _print(name, told)


def print_explanation(found: Mapping[str, Any]) -> None:
    """Print what a whole answer waits for, as `explanation_json` tells it."""
    table = new_table("what is tight", "device or link", "busy", "of the step")
    for load in found["loads"]:
        table.add_row(load["name"], human_time(load["busy_ns"]), f"{load['share']:.0%}")
    print_table(table)
    for room in found["crossbars"]:
        say(f"{room['device']}: {room['used']} of {room['capacity']} crossbars")
    path, bounds = found["critical_path"], found["bounds"]
    sent = sum(hop["kind"] == "transfer" for hop in path)
    say(
        f"critical path: {len(path) - sent} tasks, {sent} transfers; by paths alone the step takes "
        f"{human_time(bounds['paths_ns'])}, by the work of the devices "
        f"{human_time(bounds['loads_ns'])}"
    )


def _phase(name: str | None) -> Any:
    from hptc.ir.graph import Phase

    if name is None:
        return None
    try:
        return Phase(name)
    except ValueError:
        choices = ", ".join(phase.value for phase in Phase)
        raise UsageError("--phase", expected=f"one of {choices}", found=name) from None


def _print(phase: str, told: Mapping[str, Any]) -> None:
    if told["op"] is not None:
        tag = "" if told["tag"] is None else f", {told['tag']}"
        say(f"{phase}: {told['op']} is {told['kind']} ({told['role']}{tag}) of {told['source']}")
    placed = told["placement"]
    if placed is None:
        say("  folded: it runs once, when the phase is entered")
        return
    waiting = (
        "critical: the step takes longer as soon as it starts later"
        if placed["is_critical"]
        else f"it may start {human_time(placed['slack_ns'])} later at no loss"
    )
    say(
        f"{phase}: task {told['task']} of {len(told['ops'])} operations runs on {_place(placed)} "
        f"from {human_time(placed['start_ns'])} to {human_time(placed['end_ns'])}; {waiting}"
    )
    if placed["alternatives"]:
        print_table(_prices(placed["alternatives"]))


def _prices(alternatives: list[Mapping[str, Any]]) -> Any:
    table = new_table("all else kept as it is", "elsewhere", "takes", "step longer by", "energy")
    for other in alternatives:
        taken = human_time(other["duration_ns"])
        if other["lost_ns"] is None:
            table.add_row(_place(other), taken, other["barrier"], "-")
        else:
            energy = human_energy(abs(other["lost_nj"]))
            sign = "-" if other["lost_nj"] < 0 else "+"
            table.add_row(_place(other), taken, human_time(other["lost_ns"]), sign + energy)
    return table


def _place(where: Mapping[str, Any]) -> str:
    return f"{where['device']} ({where['matrix']})" if "matrix" in where else str(where["device"])
