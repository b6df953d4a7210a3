"""What a calibration found, as a target document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import tomli_w

from hptc.calibrate.fit import Fit

BASE = "builtin:gpu-datasheet"
"""Supplies what a calibration does not measure."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a calibration is of."""

    name: str
    description: str
    stamp: str
    """When, by what and on what it was measured."""


def document(
    heading: Heading, numbers: Mapping[str, tuple[float, str]], fits: Sequence[Fit] = ()
) -> str:
    """Return the target in TOML.

    Args:
        heading: What it is of.
        numbers: Measured keys, with how they were measured.
        fits: Fitted keys.
    """
    values: dict[str, object] = {"kind": "gpu"}
    sources = {}
    for key, (value, how) in numbers.items():
        values[key] = value if isinstance(value, int) else float(f"{value:.4g}")
        sources[key] = f"{how}; {heading.stamp}"
    for fit in fits:
        values.update(fit.values)
        sources.update(dict.fromkeys(fit.values, f"{_error(fit)}; {heading.stamp}"))
    device = {**values, "sources": sources}
    if fits:
        device["validation"] = {
            figure: "; ".join(
                [*(_error(fit) for fit in fits if fit.stage.figure == figure), heading.stamp]
            )
            for figure in dict.fromkeys(fit.stage.figure for fit in fits)
        }
    return tomli_w.dumps(
        {
            "schema_version": 1,
            "name": heading.name,
            "description": heading.description,
            "extends": BASE,
            "devices": {"gpu": device},
        }
    )


def _error(fit: Fit) -> str:
    text = f"{fit.title} fitted to {fit.samples} operations"
    if not isfinite(fit.error_pct):
        return text
    return f"{text}, {fit.error_pct:.1f} % mean error on a quarter left out"
