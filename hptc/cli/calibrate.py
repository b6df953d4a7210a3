"""`hptc target calibrate`: a target file of the machine at hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hptc.cli.arguments import AsJson, Force
from hptc.cli.guard import guarded, warn
from hptc.cli.output import new_table, print_json, print_table, say

if TYPE_CHECKING:
    from hptc.calibrate.run import Calibration

WARN_ABOVE_PCT = 30.0
"""Mean error of a fit that is worth a warning: a busy machine, or one that is not like a GPU."""


@guarded
def calibrate_device(
    device: Annotated[
        str, typer.Option(help="cuda, or cpu: a processor described like a GPU.")
    ] = "cuda",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write (default: NAME.toml).")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the target (default: after the device).")
    ] = None,
    tdp_w: Annotated[
        float | None,
        typer.Option(help="Thermal design power in W, where nvidia-smi does not tell."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Time this machine's GPU and write a target file of it."""
    from hptc.calibrate.run import calibrate, default_name
    from hptc.cli.progress import counting
    from hptc.files import check_output, write_file

    name = name or default_name(device)
    path = output or Path(f"{name}.toml")
    check_output(path, force=force)
    with counting("timing operations") as progress:
        found = calibrate(device, name=name, tdp_w=tdp_w, progress=progress)
    write_file(path, found.toml, force=force)
    _print(found, name, path, as_json=as_json)


def _print(found: "Calibration", name: str, path: Path, *, as_json: bool) -> None:
    for fit in found.fits:
        if fit.error_pct > WARN_ABOVE_PCT:
            warn(f"{fit.title}: the model misses these times by {fit.error_pct:.0f} % on average")
    if as_json:
        fits = [
            {"group": fit.title, "operations": fit.samples, "mean_error_pct": fit.error_pct}
            for fit in found.fits
        ]
        print_json({"target": str(path), "name": name, "fits": fits})
        return
    table = new_table(name, "group", "operations", "error on those left out")
    for fit in found.fits:
        table.add_row(fit.title, str(fit.samples), f"{fit.error_pct:.1f} %")
    print_table(table)
    say(f"wrote {path}; use it as --target {path}")
