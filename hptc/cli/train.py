"""`hptc train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hptc.cli.arguments import AsJson, Force
from hptc.cli.guard import guarded, warn
from hptc.cli.output import human_energy, human_time, print_json, say
from hptc.partition.limits import MAX_SEED
from hptc.units import PJ_PER_NJ

if TYPE_CHECKING:
    from hptc.runtime.train import TrainResult


@guarded
def train_bundle(
    bundle: Annotated[Path, typer.Argument(help="A bundle written by compile.")],
    data: Annotated[
        Path, typer.Option(help="An .npz: in_0, ..., target with a sample axis; optional split.")
    ],
    switch: Annotated[
        str, typer.Option(help="When to go from full to low: hpt, never or at:N.")
    ] = "hpt",
    steps: Annotated[int, typer.Option(min=1, help="Over all phases.")] = 1000,
    lr: Annotated[float | None, typer.Option(help="Default: as compiled.")] = None,
    low_lr: Annotated[float | None, typer.Option(help="In low; default: as --lr.")] = None,
    window: Annotated[
        int | None, typer.Option(min=2, help="Steps between tests of the rule hpt.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Order of the samples.")] = 0,
    log: Annotated[Path | None, typer.Option(help="JSONL log; default BUNDLE.train.jsonl.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the weights (.safetensors).")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train a bundle through the switch from full to low, by its schedules."""
    from hptc.cli.progress import training_progress
    from hptc.files import check_outputs
    from hptc.program import Program
    from hptc.runtime.switch import parse_switch
    from hptc.runtime.train import save_weights

    log = log or bundle.with_suffix(".train.jsonl")
    check_outputs((log, *([out] if out else [])), inputs=(bundle, data), force=force)
    parse_switch(switch)  # a wrong word is told before the bundle is read
    program = Program.load(bundle)
    with training_progress(steps) as show:
        result = program.train(
            data,
            steps=steps,
            switch=switch,
            window=window,
            lr=lr,
            low_lr=low_lr,
            seed=seed,
            log=log,
            progress=show,
        )
    if out is not None:
        save_weights(result.weights, out)
    if result.is_interrupted:
        warn(f"interrupted after {result.steps} steps; the log so far is valid")
    for phase, lasting in result.worn.items():
        warn(
            f"{phase.value} took more steps than the {lasting} that its crossbars last; "
            "compile with --steps to have it placed for them"
        )
    _print(result, log, out, as_json=as_json)


def _print(result: TrainResult, log: Path, out: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "steps": result.steps,
                "phase": result.phase.value,
                "loss": result.loss,
                "switched_at": result.switched_at,
                "interrupted": result.is_interrupted,
                "modelled_ns": result.totals.total_ns,
                "modelled_pj": result.totals.total_pj,
                "cell_writes": result.totals.cell_writes,
                "worn": {phase.value: lasting for phase, lasting in result.worn.items()},
                "log": str(log),
                "weights": str(out) if out else None,
            }
        )
        return
    spent = result.totals
    switched = "no switch" if result.switched_at is None else f"switched after {result.switched_at}"
    say(
        f"{result.steps} steps, {switched}; last loss {result.loss:.6g} in {result.phase.value}; "
        f"modelled {human_time(spent.total_ns)}, {human_energy(spent.total_pj / PJ_PER_NJ)}, "
        f"{spent.cell_writes} cell writes"
    )
    say(f"wrote {', '.join(str(path) for path in (log, out) if path)}")
