"""The verbs of `hptc`; heavy imports wait until a verb needs them."""

from typing import Annotated

import typer

from hptc import __version__
from hptc.cli.compile import compile_model
from hptc.cli.explain import explain_operation
from hptc.cli.guard import guarded
from hptc.cli.inspect import inspect_bundle
from hptc.cli.run import run_bundle
from hptc.cli.solve import solve_problem
from hptc.cli.survey import doctor, list_passes
from hptc.cli.target import target_app
from hptc.cli.train import train_bundle

app = typer.Typer(
    name="hptc",
    help="Partition training steps over ReRAM, systolic arrays and GPUs.",
    epilog="Add -vv to any command for a traceback with an error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compile")(compile_model)
app.command("inspect")(inspect_bundle)
app.command("explain")(explain_operation)
app.command("run")(run_bundle)
app.command("train")(train_bundle)
app.command("solve")(solve_problem)
app.add_typer(target_app, name="target")
app.command("passes")(list_passes)
app.command("doctor")(doctor)


@guarded
def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hptc {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Partition training steps over ReRAM, systolic arrays and GPUs."""
