"""`hptc target import`: hardware described for another tool, as a target."""

from pathlib import Path
from typing import Annotated

import typer

from hptc.cli.arguments import AsJson, Force
from hptc.cli.guard import guarded
from hptc.cli.output import print_json, say


@guarded
def import_target(
    file: Annotated[Path, typer.Argument(help="A SCALE-Sim .cfg or an MNSIM 2.0 .ini.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Default: FILE with .toml.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Default: as FILE says.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a target that describes the hardware of a file of another tool."""
    import tomli_w

    from cost_models.importers.dispatch import import_hardware
    from cost_models.load import target_from_toml
    from hptc.files import check_outputs, write_file

    path = output or Path(file.with_suffix(".toml").name)
    check_outputs((path,), inputs=(file,), force=force)
    document = import_hardware(file)
    if name is not None:
        document["name"] = name
    text = tomli_w.dumps(document)
    target = target_from_toml(text, str(file))
    write_file(path, text, force=force)
    if as_json:
        print_json({"target": target.name, "output": str(path)})
        return
    say(f"wrote {path}: {target.name} with {', '.join(d.name for d in target.devices)}")
