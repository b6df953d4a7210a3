"""What a valid target leaves open: numbers that nothing vouches for, devices out of reach."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from cost_models.overlay import REMARKS
from cost_models.ranges import tables_of, value_text
from hptc.errors import TargetError
from hptc.target import Target

ASSUMPTION = "assumption"
"""How the source of a number begins that was found nowhere."""
_MOST_TOLD = 5


def check_target(target: Target) -> tuple[str, ...]:
    """Return warnings about a valid target: numbers without a source, devices without a link."""
    unsourced = (
        f"{place}: {key} = {value_text(value)} has no source"
        for place, table in _tables(target)
        for key, value in table.items()
        if key not in REMARKS and key not in _sources(table) and _holds_number(value)
    )
    return (*unsourced, *_gaps(target))


def refuse_warnings(target: Target, warnings: Sequence[str]) -> None:
    """Raise a TargetError that names the warnings, if there are any."""
    if warnings:
        raise TargetError(
            f"target {target.name}",
            expected="a source for every number, and links between all devices",
            found="; ".join(warnings[:_MOST_TOLD]),
            hint=f"({len(warnings)} in all; without --strict they are warnings.)",
        )


def assumptions(target: Target) -> Mapping[str, str]:
    """Return the source of every number that rests on an assumption, by the number's place."""
    return {
        f"{place}.{key}": source
        for place, table in _tables(target)
        for key, source in _sources(table).items()
        if source.startswith(ASSUMPTION)
    }


def _tables(target: Target) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every table of the document that has numbers, with its place."""
    for place, _, table in tables_of(tomllib.loads(target.toml)):
        yield place, table


def _sources(table: Mapping[str, object]) -> Mapping[str, str]:
    sources = table.get("sources")
    return sources if isinstance(sources, Mapping) else {}


def _holds_number(value: object) -> bool:
    """Whether a value is a number, or a range or list of them."""
    if isinstance(value, Mapping):
        return any(map(_holds_number, value.values()))
    if isinstance(value, list):
        return any(map(_holds_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _gaps(target: Target) -> Iterator[str]:
    joined = {(link.src, link.dst) for link in target.links}
    for src, dst in permutations([device.name for device in target.devices], 2):
        if (src, dst) not in joined:
            yield f"links: none from {src} to {dst}"
