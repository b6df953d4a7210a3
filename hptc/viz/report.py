"""Careful reading of the report inside a bundle: what is absent or no number reads as None."""

import json
import math
from collections.abc import Mapping

from hptc.ir.graph import Phase
from hptc.schedule.model import Schedule
from hptc.units import PJ_PER_NJ
from hptc.viz.data import BaselineRow, Fact, FlowRow, Goal, Totals


def number(table: Mapping[str, object], key: str) -> float | None:
    """Return the finite number under `key`, else None."""
    found = table.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def mapping(table: Mapping[str, object], key: str) -> Mapping[str, object]:
    """Return the object under `key`, else an empty one."""
    found = table.get(key)
    return found if isinstance(found, Mapping) else {}


def text(value: object) -> str:
    """Return a JSON value as the page writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False, default=str)


def facts(table: Mapping[str, object]) -> tuple[Fact, ...]:
    """Return the entries of a JSON object as labelled lines."""
    return tuple(Fact(str(key), text(value)) for key, value in table.items())


def phase_report(report: Mapping[str, object], phase: Phase) -> Mapping[str, object]:
    """Return the report of one phase."""
    return mapping(mapping(report, "phases"), phase.value)


def totals(report: Mapping[str, object], schedule: Schedule) -> Totals:
    """Return the figures of a phase: the schedule's own, and what only the report knows."""
    return Totals(
        latency_ns=float(schedule.latency_ns),
        energy_nj=schedule.energy_pj / PJ_PER_NJ,
        program_ns=schedule.program_ns,
        program_nj=schedule.program_pj / PJ_PER_NJ,
        period_ns=number(report, "period_ns"),
        lower_bound_ns=number(report, "lower_bound_ns"),
        gap=number(report, "gap"),
        crossbars_used=number(report, "crossbars_used"),
        steps_to_failure=number(report, "steps_to_failure"),
        programmings_to_failure=number(report, "programmings_to_failure"),
        status=text(report.get("status", "unknown")),
        goal=_goal(report),
        holds_for=text(report.get("bound_holds_for", "all schedules")),
    )


def _goal(report: Mapping[str, object]) -> Goal:
    name = text(report.get("objective", "latency"))
    return Goal(
        text=name,
        is_latency=name == "latency" and report.get("energy_limit_nj") is None,
        value=number(report, "objective_value"),
        bound=number(report, "objective_bound"),
        gap=number(report, "objective_gap"),
        unit=text(report.get("objective_unit", "")),
    )


def flows(report: Mapping[str, object]) -> tuple[FlowRow, ...]:
    """Return what the rows of the axes of the first input do in the step, before it is cut."""
    rows = report.get("rows")
    tables = rows if isinstance(rows, list | tuple) else ()
    return tuple(_flow(table) for table in tables if isinstance(table, Mapping))


def _flow(table: Mapping[str, object]) -> FlowRow:
    macs = {flow: number(mapping(table, flow), "macs") for flow in ("map", "reduce", "all")}
    return FlowRow(
        axis=number(table, "axis"),
        extent=number(table, "extent"),
        map_macs=macs["map"],
        reduce_macs=macs["reduce"],
        all_macs=macs["all"],
        all_ops=number(mapping(table, "all"), "ops"),
        waiting=number(table, "waiting"),
    )


def baselines(report: Mapping[str, object]) -> tuple[BaselineRow, ...]:
    """Return the baselines of a phase, the all-GPU mapping first."""
    table = mapping(report, "baselines")
    names = sorted(table, key=lambda name: (name != report.get("all_gpu"), name))
    return tuple(_baseline(name, mapping(table, name)) for name in names)


def _baseline(name: str, table: Mapping[str, object]) -> BaselineRow:
    return BaselineRow(name, number(table, "latency_ns"), number(table, "energy_nj"))
