"""`hptc run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hptc.cli.arguments import AsJson
from hptc.cli.guard import guarded
from hptc.cli.output import human_time, new_table, print_json, print_table
from hptc.errors import UsageError
from hptc.partition.limits import MAX_SEED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptc.runtime.single import PhaseRun


@guarded
def run_bundle(
    bundle: Annotated[Path, typer.Argument(help="A bundle written by compile.")],
    phase: Annotated[str | None, typer.Option(help="full, low or infer; default all.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps to run, on the same inputs.")] = 1,
    inputs: Annotated[
        Path | None, typer.Option(help="An .npz with in_0, ..., target; default seeded inputs.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of the seeded inputs.")] = 0,
    numerics: Annotated[
        str, typer.Option(help="ideal, or device: ReRAM reads at its word lengths.")
    ] = "ideal",
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare one step with the original model.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Execute a bundle's schedules instruction by instruction."""
    from hptc.program import Program

    if verify and numerics != "ideal":
        raise UsageError("--numerics", expected="ideal with --verify", found=repr(numerics))
    program = Program.load(bundle)
    if not verify:
        phases = [item.value for item in program.bundle.phases] if phase is None else [phase]
        runs = {
            name: program.run(name, inputs, steps=steps, seed=seed, numerics=numerics)
            for name in phases
        }
        if as_json:
            print_json({"phases": _run_object(runs)})
        else:
            _print_run(runs)
        return
    found = program.verify(phase, inputs, seed=seed)
    if as_json:
        print_json(found)
    else:
        _print_checks(found)
    if not found["ok"]:
        raise typer.Exit(1)


def _run_object(runs: Mapping[str, PhaseRun]) -> dict[str, object]:
    return {
        name: {
            "losses": list(run.losses),
            "instructions": run.instructions,
            "modelled_ns": run.modelled_ns,
            "modelled_pj": run.modelled_pj,
        }
        for name, run in runs.items()
    }


def _print_run(runs: Mapping[str, PhaseRun]) -> None:
    table = new_table("run", "phase", "first loss", "last loss", "instructions", "modelled")
    for name, run in runs.items():
        shown = [f"{loss:.6g}" for loss in run.losses] or ["-"]
        time = human_time(run.modelled_ns)
        table.add_row(name, shown[0], shown[-1], str(run.instructions), time)
    print_table(table)


def _print_checks(found: Mapping[str, Any]) -> None:
    oracles = ", ".join(found["reference"])
    table = new_table(
        f"against {oracles}", "phase", "loss", "gradients", "updates", "outputs", "names", "result"
    )
    for name, figures in found["phases"].items():
        table.add_row(name, *check_cells(figures))
    print_table(table)


def check_cells(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the check of a phase found: four errors, whether names match, the verdict."""
    keys = ("loss_abs_err", "grad_max_rel_err", "update_max_rel_err", "output_max_abs_err")
    errors = ("-" if figures[key] is None else f"{figures[key]:.1e}" for key in keys)
    names = "match" if figures["trained_names_match"] else "DIFFER"
    return (*errors, names, "ok" if figures["ok"] else "FAILED")
