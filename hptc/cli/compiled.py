"""What `hptc compile` prints of the program that it wrote."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptc.cli.guard import warn
from hptc.cli.objective import print_front, say_objective
from hptc.cli.output import (
    above_bound,
    human_count,
    human_energy,
    human_gap,
    human_time,
    new_table,
    print_json,
    print_table,
    say,
)
from hptc.cli.sensitivity import print_sensitivity
from hptc.cli.training import print_training

if TYPE_CHECKING:
    from hptc.program import Program


def print_program(
    program: "Program", path: Path, emitted: Mapping[str, Path], *, as_json: bool
) -> None:
    """Print the report of a program as JSON, or tables and lines.

    Args:
        program: As compiled.
        path: Of its bundle.
        emitted: Other files that were written, by kind.
        as_json: Exactly one object.
    """
    report = {**program.report(), "bundle": str(path)}
    if as_json:
        print_json({**report, "emitted": {kind: str(file) for kind, file in emitted.items()}})
        return
    table = new_table(
        f"{program.bundle.name} on {report['target']}",
        *("phase", "latency", "bound", "gap", "energy", "all-GPU", "speed-up", "static MACs"),
    )
    for name, figures in report["phases"].items():
        table.add_row(name, *_row(figures))
    print_table(table)
    together = _together(report)
    for name, figures in report["phases"].items():
        _print_phase(name, figures, is_alone=name not in together)
    if "training" in report:
        print_training(report["training"])
    say(f"wrote {', '.join(str(file) for file in (path, *emitted.values()))}")


def _print_phase(name: str, figures: Mapping[str, Any], *, is_alone: bool) -> None:
    """Print what is told of a phase, which was placed for its own step where it `is_alone`."""
    placed = ", ".join(f"{d} {f['ops']}" for d, f in figures["devices"].items())
    folded = figures["tags"]["folded"]["ops"]
    macs = human_count(figures["step"]["macs"])
    say(
        f"{name}: {figures['ops']} operations, {macs} MACs a step, in {figures['tasks']} "
        f"tasks ({placed}, folded {folded}), {figures['crossbars_used']} crossbars"
        f"{_wear(figures)}{_waiting(figures['sequences'])}{_tiling(figures)}"
    )
    if figures["status"] != "optimal" and is_alone:
        warn(f"{name}: best found in the time given, {above_bound(figures['objective_gap'])}")
    say_objective(name, figures)
    if "micro_batches" in figures:
        say(f"{name}: {_overlap(figures['micro_batches'])}")
    if "pareto" in figures:
        print_front(name, figures["pareto"])
    if "sensitivity" in figures:
        print_sensitivity(name, figures["sensitivity"])


def _together(report: Mapping[str, Any]) -> Collection[str]:
    """Return the phases that were placed for the whole training, not for a step."""
    training = report.get("training", {})
    return training["phases"] if "objective" in training else ()


def _overlap(figures: Mapping[str, Any]) -> str:
    """Say what a step of micro-batches that overlap takes, beside all on the GPU."""
    period, bound, ramp, update, latency = (
        human_time(figures[f"{key}_ns"])
        for key in ("period", "period_bound", "ramp", "update", "latency")
    )
    found = (
        f"{figures['count']} micro-batches that overlap take {latency} and "
        f"{human_energy(figures['energy_nj'])}: one every {period} (bound {bound}), each "
        f"in {ramp}, then an update of {update}"
    )
    gpu = figures["all_gpu"]
    if gpu is None:
        return found
    return (
        f"{found}; all-GPU {human_time(gpu['latency_ns'])} and {human_energy(gpu['energy_nj'])} "
        f"({gpu['way']}), {gpu['latency_ns'] / figures['latency_ns']:.2f}x"
    )


def _wear(figures: Mapping[str, Any]) -> str:
    kinds = (("steps_to_failure", "steps"), ("programmings_to_failure", "programmings"))
    lasting = [
        f"{human_count(figures[key])} {noun}" for key, noun in kinds if figures[key] is not None
    ]
    return f", which last {' and '.join(lasting)}" if lasting else ""


def _waiting(sequences: Mapping[str, Any]) -> str:
    """Say what long sequences lose on crossbars, if they are used."""
    if not sequences["waiting_ns"]:
        return ""
    share, worst = sequences["waiting_ns"] / sequences["crossbar_ns"], sequences["longest"][0]
    return (
        f"; vectors that wait for others of their task take {share:.0%} of their time "
        f"(most in {worst['task']}, {worst['reads']} one after the other)"
    )


def _tiling(figures: Mapping[str, Any]) -> str:
    """Say how the step is cut, and that its bound is not one for steps that are cut otherwise."""
    if figures["bound_holds_for"] == "all schedules":
        return ""
    cut, tried = figures["tiling"], figures["tried"]
    how = (
        "; all rows at once"
        if cut is None
        else f"; {' or '.join(map(str, cut['ops_by_chunks']))} chunks of the {cut['extent']} rows "
        f"of axis {cut['axis']}"
    )
    found = f"{how} (bound and gap hold for this tiling"
    if tried is None:
        return f"{found})"
    of_all = human_time(tried["lower_bound_ns"])
    counts = ", ".join(map(str, tried["chunks"]))
    return f"{found}; no tiling in {counts} chunks, nor none, gets below {of_all})"


def _row(figures: Mapping[str, Any]) -> tuple[str, ...]:
    baselines, tags, latency_ns = figures["baselines"], figures["tags"], figures["latency_ns"]
    gpu = baselines.get(figures["all_gpu"])
    macs = figures["step"]["macs"]
    static = tags["static"]["macs"]
    return (
        human_time(latency_ns),
        human_time(figures["lower_bound_ns"]),
        human_gap(figures["gap"]),
        human_energy(figures["energy_nj"]),
        human_time(gpu["latency_ns"]) if gpu else "-",
        f"{gpu['latency_ns'] / latency_ns:.2f}x" if gpu and latency_ns else "-",
        f"{static / macs:.0%}" if macs else "-",
    )
