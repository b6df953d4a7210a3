"""`hptc target`: the hardware that is known, and what is wrong with a file."""

from typing import Annotated

import typer

from hptc.cli.arguments import AsJson, Overrides, TargetName
from hptc.cli.calibrate import calibrate_device
from hptc.cli.guard import guarded, warn
from hptc.cli.output import new_table, print_json, print_table, say
from hptc.cli.target_compare import compare_targets
from hptc.cli.target_import import import_target

target_app = typer.Typer(help="Built-in and own targets.", no_args_is_help=True)
target_app.command("calibrate")(calibrate_device)
target_app.command("compare")(compare_targets)
target_app.command("import")(import_target)
Strict = Annotated[bool, typer.Option("--strict", help="Refuse what is else a warning.")]


@target_app.command("list")
@guarded
def list_targets(as_json: AsJson = False) -> None:
    """List the built-in targets, and the links that `preset` names."""
    import tomllib

    from cost_models.link_presets import link_presets
    from cost_models.load import builtin_targets, load_target

    targets = {name: load_target(name) for name in builtin_targets()}
    if as_json:
        kinds = {
            name: {device.name: device.kind for device in target.devices}
            for name, target in targets.items()
        }
        print_json({"targets": kinds, "links": link_presets()})
        return
    table = new_table("built-in targets", "name", "devices", "what it is")
    for column in table.columns:
        column.justify = "left"
    for name, target in targets.items():
        devices = ", ".join(device.name for device in target.devices)
        table.add_row(name, devices, tomllib.loads(target.toml).get("description", ""))
    print_table(table)
    say(f"links by preset: {', '.join(link_presets())}")


@target_app.command("show")
@guarded
def show_target(name: TargetName, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Print a target with `extends` and overrides applied, and what of it is validated."""
    import tomllib

    from cost_models.load import load_target
    from cost_models.validated import validation_of

    target = load_target(name, overrides or [])
    found = validation_of(target)
    if as_json:
        print_json({**tomllib.loads(target.toml), "validated": found})
        return
    say(target.toml)
    say("# Figures, and the tables that validated them")
    for place, verdicts in found.items():
        for figure, verdict in verdicts.items():
            say(f"# {place}: {figure}: {verdict or 'NOT validated'}")


@target_app.command("schema")
@guarded
def show_schema(as_json: AsJson = False) -> None:
    """Print the JSON Schema of target files."""
    del as_json  # a schema is JSON either way
    from cost_models.schema import target_schema

    print_json(target_schema())


@target_app.command("check")
@guarded
def check_target_file(
    name: TargetName, overrides: Overrides = None, strict: Strict = False, as_json: AsJson = False
) -> None:
    """Validate a target; exit code 3 where it is malformed."""
    from cost_models.check import assumptions, check_target, refuse_warnings
    from cost_models.load import load_target

    target = load_target(name, overrides or [])
    warnings, assumed = check_target(target), assumptions(target)
    if strict:
        refuse_warnings(target, warnings)
    if as_json:
        print_json(
            {"target": target.name, "ok": True, "warnings": warnings, "assumptions": assumed}
        )
        return
    for message in warnings:
        warn(message)
    for place, source in assumed.items():
        say(f"{place}: {source}")
    say(
        f"{target.name}: valid, {len(target.devices)} devices, {len(target.links)} links, "
        f"{len(assumed)} numbers assumed"
    )
