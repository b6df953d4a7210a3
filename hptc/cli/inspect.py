"""`hptc inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from hptc.cli.guard import guarded
from hptc.cli.output import print_json, say


@guarded
def inspect_bundle(
    bundle: Annotated[Path, typer.Argument(help="A bundle written by compile.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Page to write; default BUNDLE.html.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing page.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report; a page only with -o.")
    ] = False,
) -> None:
    """Write a page that shows a bundle: placement, timeline, totals."""
    from hptc.files import check_outputs, write_file
    from hptc.schedule.bundle import load_bundle
    from hptc.viz.page import render

    page = out or (None if as_json else bundle.with_suffix(".html"))
    if page is not None:
        check_outputs((page,), inputs=(bundle,), force=force)
    program = load_bundle(bundle)
    if page is not None:
        write_file(page, render(program))
    if as_json:
        print_json({**program.report, "bundle": str(bundle)})
    else:
        say(f"wrote {page}")
