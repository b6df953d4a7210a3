"""`hptc compile`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hptc.cli.arguments import AsJson, Force, Overrides, WorkLimit, parse_counts, parse_names
from hptc.cli.compiled import print_program
from hptc.cli.guard import guarded, warn
from hptc.cli.objective import (
    EnergyLimit,
    LatencyLimit,
    Pareto,
    parse_energy,
    parse_time,
)
from hptc.cli.output import is_terminal
from hptc.errors import UsageError

if TYPE_CHECKING:
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
    objective: Annotated[
        str,
        typer.Option(
            help="latency, energy, edp, or weighted:latency=A,energy=B per ns and per nJ, of a "
            "step; period, of --micro-batches; training, training:energy or "
            "training:weighted:..., of all --steps."
        ),
    ] = "latency",
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
    micro_batches: Annotated[
        int, typer.Option(help="That overlap in a step; objective period asks for several.")
    ] = 1,
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
        micro_batches=micro_batches,
    )
    program = _compile(model, options, dump_ir_after)
    program.save(path, force=force)
    for kind, file in emitted.items():
        _emit(program, kind, file)
    print_program(program, path, emitted, as_json=as_json)


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
    asks = is_terminal(sys.stdin) and is_terminal(sys.stderr)
    if taken is not None and not force and asks:
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
            together=lambda seen: watch.show("the training", seen),
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
