"""`hptc compile`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hptc.cli.arguments import AsJson, Force, Overrides, WorkLimit, parse_counts, parse_names
from hptc.cli.guard import guarded, warn
from hptc.cli.objective import (
    EnergyLimit,
    LatencyLimit,
    Objective,
    Pareto,
    parse_energy,
    parse_time,
    print_front,
    say_objective,
    say_training,
)
from hptc.cli.output import (
    human_count,
    human_energy,
    human_time,
    new_table,
    print_json,
    print_table,
    say,
)
from hptc.cli.sensitivity import print_sensitivity
from hptc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptc.options import Options
    from hptc.program import Program

EMITTED = {"html": ".html", "trace": ".trace.json", "ir": ".ir.txt"}


@guarded
def compile_model(
    model: Annotated[str, typer.Argument(help="An ONNX file, or a .pt2 of torch.export.save.")],
    target: Annotated[
        str, typer.Option(help="Built-in name, a .toml, or one per phase: full=gpu,low=hybrid.")
    ] = "hybrid",
    phases: Annotated[str, typer.Option(help="Among full, low, infer.")] = "full,low,infer",
    adapt: Annotated[
        str, typer.Option(help="Forms of the phase low by clauses: FORM:r=8,match=PATTERN;r=4,...")
    ] = "lora:r=8,alpha=64,match=auto",
    loss: Annotated[
        str,
        typer.Option(help="mse, l1, huber:delta=1, cross_entropy:axis=-1 or bce_with_logits."),
    ] = "mse",
    optimizer: Annotated[
        str,
        typer.Option(help="sgd, adam, adamw or adafactor, with settings: sgd:momentum=0.9."),
    ] = "adamw",
    clip_norm: Annotated[
        float | None, typer.Option(help="Largest norm of all gradients together.")
    ] = None,
    accumulate: Annotated[
        int, typer.Option(help="Micro-batches, each like the example, in a step.")
    ] = 1,
    objective: Objective = "latency",
    latency_limit: LatencyLimit = None,
    energy_limit: EnergyLimit = None,
    pareto: Pareto = None,
    time_limit: Annotated[float, typer.Option(help="Of the whole command, in s.")] = 10.0,
    work_limit: WorkLimit = None,
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    train: Annotated[
        str | None, typer.Option(help="Regex of parameters to train, in low too.")
    ] = None,
    frozen: Annotated[str | None, typer.Option(help="Regex of parameters never trained.")] = None,
    output_name: Annotated[
        str | None, typer.Option("--output", help="Model output that the loss takes.")
    ] = None,
    shape: Annotated[
        list[str] | None, typer.Option(help="Value of a dynamic dimension: batch=8,seq=64.")
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(help="Steps per phase, priced and held against endurance: full=N,low=M."),
    ] = None,
    lr: Annotated[float, typer.Option(help="Learning rate that run uses.")] = 1e-3,
    tile: Annotated[
        str, typer.Option(help="Chunks of rows that a step runs in: off, auto or a number.")
    ] = "off",
    overrides: Overrides = None,
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity", help="Also tell how the answer moves over the ranges of the target."
        ),
    ] = False,
    emit: Annotated[str | None, typer.Option(help="Also write html, trace, ir.")] = None,
    dump_ir_after: Annotated[
        str | None, typer.Option(help="Print the graph after this pass, on stderr.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Bundle to write; default MODEL.hptc.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Compile a model for training on a target."""
    path = out or Path(Path(model).stem + ".hptc")
    emitted = _emitted(path, emit)
    force = _check_outputs((path, *emitted.values()), Path(model), force=force)
    from hptc.options import make_options

    options = make_options(
        target=target,
        phases=parse_names("--phases", phases),
        adapt=adapt,
        loss=loss,
        optimizer=optimizer,
        clip_norm=clip_norm,
        accumulate=accumulate,
        output=output_name,
        train=train,
        frozen=frozen,
        shape=parse_counts("--shape", shape or []),
        objective=objective,
        latency_limit_ns=parse_time("--latency-limit", latency_limit),
        energy_limit_nj=parse_energy("--energy-limit", energy_limit),
        pareto=pareto,
        time_limit_s=time_limit,
        work_limit=work_limit,
        gap=gap,
        seed=seed,
        steps=parse_counts("--steps", [steps] if steps else []),
        overrides=overrides or [],
        lr=lr,
        tile=tile,
        sensitivity=sensitivity,
    )
    program = _compile(model, options, dump_ir_after)
    program.save(path, force=force)
    for kind, file in emitted.items():
        _emit(program, kind, file)
    _report(program, path, emitted, as_json=as_json)


def _emitted(bundle: Path, emit: str | None) -> dict[str, Path]:
    kinds = () if emit is None else parse_names("--emit", emit)
    for kind in kinds:
        if kind not in EMITTED:
            raise UsageError("--emit", expected=f"among {', '.join(EMITTED)}", found=repr(kind))
    return {kind: bundle.with_suffix(EMITTED[kind]) for kind in kinds}


def _check_outputs(paths: tuple[Path, ...], model: Path, *, force: bool) -> bool:
    """Check every output before work starts; asks on a terminal whether to replace those there."""
    from hptc.files import check_outputs

    taken = next((path for path in paths if path.is_file()), None)
    if taken is not None and not force and sys.stdin.isatty() and sys.stderr.isatty():
        force = typer.confirm(f"{taken} exists. Replace the outputs that exist?", err=True)
    check_outputs(paths, inputs=(model,), force=force)
    return force


def _compile(model: str, options: Options, dump_ir_after: str | None) -> Program:
    from hptc.cli.dump import dump_after
    from hptc.cli.watch import SolverWatch
    from hptc.compiler import compile_source
    from hptc.partition.limits import Limits
    from hptc.phases import Hooks

    dump = dump_after(dump_ir_after) if dump_ir_after else None
    limits = Limits(time_s=options.time_limit_s, work_s=options.work_limit)
    with SolverWatch("capturing the model", limits) as watch:
        hooks = Hooks(
            after_pass=dump,
            progress=lambda phase, seen: watch.show(phase.value, seen),
            stop=watch.is_stopped,
        )
        program = compile_source(model, None, options, hooks)
    for message in program.warnings:
        warn(message)
    return program


def _emit(program: Program, kind: str, path: Path) -> None:
    from hptc.export.trace import chrome_trace
    from hptc.files import write_file
    from hptc.ir.text import to_text
    from hptc.viz.page import render

    writers = {
        "html": lambda: render(program.bundle),
        "trace": lambda: json.dumps(chrome_trace(program.bundle)),
        "ir": lambda: "\n".join(to_text(c.graph) for c in program.bundle.phases.values()),
    }
    write_file(path, writers[kind]())


def _report(program: Program, path: Path, emitted: Mapping[str, Path], *, as_json: bool) -> None:
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
    for name, figures in report["phases"].items():
        placed = ", ".join(f"{d} {f['ops']}" for d, f in figures["devices"].items())
        folded = figures["tags"]["folded"]["ops"]
        macs = human_count(figures["step"]["macs"])
        say(
            f"{name}: {figures['ops']} operations, {macs} MACs a step, in {figures['tasks']} "
            f"tasks ({placed}, folded {folded}), {figures['crossbars_used']} crossbars"
            f"{_wear(figures)}{_waiting(figures['sequences'])}{_tiling(figures)}"
        )
        if figures["status"] != "optimal":
            gap = figures["objective_gap"]
            above = "nothing proven" if gap is None else f"{gap:.1%} above the bound"
            warn(f"{name}: best found in the time given, {above}")
        say_objective(name, figures)
        if "pareto" in figures:
            print_front(name, figures["pareto"])
        if "sensitivity" in figures:
            print_sensitivity(name, figures["sensitivity"])
    if "training" in report:
        say_training(report["training"])
    say(f"wrote {', '.join(str(file) for file in (path, *emitted.values()))}")


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
        else f"; {cut['chunks']} chunks of the {cut['extent']} rows of axis {cut['axis']}"
    )
    found = f"{how} (bound and gap hold for this tiling"
    if tried is None:
        return f"{found})"
    of_all = human_time(tried["lower_bound_ns"])
    return f"{found}; no one of {tried['tilings']} tried, nor none, gets below {of_all})"


def _row(figures: Mapping[str, Any]) -> tuple[str, ...]:
    baselines, tags, latency_ns = figures["baselines"], figures["tags"], figures["latency_ns"]
    gpu = baselines.get(figures["all_gpu"])
    macs = figures["step"]["macs"]
    static = tags["static"]["macs"]
    return (
        human_time(latency_ns),
        human_time(figures["lower_bound_ns"]),
        f"{figures['gap']:.1%}",
        human_energy(figures["energy_nj"]),
        human_time(gpu["latency_ns"]) if gpu else "-",
        f"{gpu['latency_ns'] / latency_ns:.2f}x" if gpu and latency_ns else "-",
        f"{static / macs:.0%}" if macs else "-",
    )
