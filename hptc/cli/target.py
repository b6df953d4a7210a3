"""`hptc target`: the hardware that is known, and what is wrong with a file."""

from typing import Annotated

import typer

from hptc.cli.arguments import AsJson
from hptc.cli.guard import guarded, warn
from hptc.cli.output import new_table, print_json, print_table, say

target_app = typer.Typer(help="Built-in and own targets.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A built-in name or a .toml file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="devices.NAME.KEY=VALUE")]


@target_app.command("list")
@guarded
def list_targets(as_json: AsJson = False) -> None:
    """List the built-in targets."""
    from cost_models.load import builtin_targets, load_target

    found = {
        name: {device.name: device.kind for device in load_target(name).devices}
        for name in builtin_targets()
    }
    if as_json:
        print_json({"targets": found})
        return
    table = new_table("built-in targets", "name", "devices")
    for name, devices in found.items():
        table.add_row(name, ", ".join(devices))
    print_table(table)


@target_app.command("show")
@guarded
def show_target(name: Name, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Print a target with `extends` and overrides applied."""
    import tomllib

    from cost_models.load import load_target

    text = load_target(name, overrides or []).toml
    if as_json:
        print_json(tomllib.loads(text))
    else:
        say(text)


@target_app.command("schema")
@guarded
def show_schema(as_json: AsJson = False) -> None:
    """Print the JSON Schema of target files."""
    del as_json  # a schema is JSON either way
    from cost_models.load import target_schema

    print_json(target_schema())


@target_app.command("check")
@guarded
def check_target_file(name: Name, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Validate a target; exit code 3 where it is malformed."""
    from cost_models.load import check_target, load_target

    target = load_target(name, overrides or [])
    warnings = check_target(target)
    if as_json:
        print_json({"target": target.name, "ok": True, "warnings": list(warnings)})
        return
    for message in warnings:
        warn(message)
    say(f"{target.name}: valid, {len(target.devices)} devices, {len(target.links)} links")
