"""Options that several commands share, and small grammars of option values."""

from collections.abc import Sequence
from typing import Annotated

import typer

from hptc.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Target override: devices.NAME.KEY=VALUE or links.A-B.KEY=VALUE."),
]
WorkLimit = Annotated[
    float | None,
    typer.Option(
        help="Work of the solver in place of --time-limit, about as much as it does in so many s: "
        "the same answer each time, on any machine."
    ),
]
TargetName = Annotated[str, typer.Argument(help="A built-in name or a .toml file.")]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]


def parse_counts(option: str, texts: Sequence[str]) -> dict[str, int]:
    """Parse `name=N[,name=N...]` into positive integers by name; raises UsageError."""
    found = {}
    for item in ",".join(texts).split(",") if texts else ():
        name, _, count = item.partition("=")
        if not name or not count.isdecimal() or int(count) < 1:
            raise UsageError(f"{option} {item}", expected="NAME=POSITIVE INTEGER", found=item)
        found[name.strip()] = int(count)
    return found


def parse_names(option: str, text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of names; raises UsageError where one is empty."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"{option} {text}", expected="names separated by commas", found=repr(text))
    return names
