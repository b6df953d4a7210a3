"""Options and tables of what is minimised, for the commands that solve."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from hptc.cli.output import (
    ENERGIES,
    TIMES,
    Units,
    human_energy,
    human_gap,
    human_time,
    new_table,
    print_table,
    say,
)
from hptc.errors import UsageError

Objective = Annotated[
    str,
    typer.Option(
        help="latency, energy, edp, weighted:latency=A,energy=B per ns and per nJ, or period."
    ),
]
LatencyLimit = Annotated[
    str | None, typer.Option(help="No step may take longer: 40us, or a number of ns.")
]
EnergyLimit = Annotated[
    str | None, typer.Option(help="No step may take more: 2.5mJ, or a number of nJ.")
]
Pareto = Annotated[
    int | None, typer.Option(help="Also list up to so many points of the front of both.")
]


def parse_time(option: str, text: str | None) -> int | None:
    """Return a time such as 40us in whole ns, rounded down; raises UsageError."""
    found = _parse(option, text, TIMES)
    return None if found is None else int(found)


def parse_energy(option: str, text: str | None) -> float | None:
    """Return an energy such as 2.5mJ in nJ; raises UsageError."""
    return _parse(option, text, ENERGIES)


def _parse(option: str, text: str | None, units: Units) -> float | None:
    if text is None:
        return None
    scales = {unit: scale for scale, unit in units} | {"": 1.0}
    parts = re.fullmatch(r"(\d+(?:\.\d*)?(?:[eE][-+]?\d{1,2})?) *([a-zA-Z]*)", text.strip())
    if parts is None or parts[2] not in scales:
        wanted = f"a number with one of the units {', '.join(filter(None, scales))}, or with none"
        raise UsageError(f"{option} {text}", expected=wanted, found=repr(text))
    return float(parts[1]) * scales[parts[2]]


def say_objective(name: str, figures: Mapping[str, Any]) -> None:
    """Say what was reached of an objective that is not the latency alone."""
    if figures["objective"] == "latency" and figures["energy_limit_nj"] is None:
        return
    unit, gap = figures["objective_unit"], figures["objective_gap"]
    least = "nothing proven" if gap is None else f"{gap:.1%} above {figures['objective_bound']:.4g}"
    say(
        f"{name}: {figures['objective']} {figures['objective_value']:.4g} {unit}".rstrip()
        + f", {least}"
    )


def print_front(name: str, front: Mapping[str, Any]) -> None:
    """Print the points of a front, the fastest first."""
    points: Sequence[Mapping[str, Any]] = front["points"]
    devices = list(points[0]["tasks"])
    rest = "complete" if front["is_complete"] else "as far as found in the time given"
    table = new_table(
        f"{name}: front of latency and energy, {rest}",
        *("latency", "energy", "bound on it", "gap", *devices),
    )
    for point in points:
        table.add_row(
            human_time(point["latency_ns"]),
            human_energy(point["energy_nj"]),
            human_energy(point["energy_bound_nj"]),
            human_gap(point["gap"]),
            *(str(point["tasks"][device]) for device in devices),
        )
    print_table(table)
