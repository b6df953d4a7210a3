"""The whole calibration: properties, times, fit, target."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import torch

from cost_models.load import target_from_toml
from hptc.calibrate.device import clock_of, device_name, facts_of, within_memory
from hptc.calibrate.document import Heading, document
from hptc.calibrate.fit import Fit, fit_stages
from hptc.calibrate.measure import sampled
from hptc.calibrate.probes import Sizes, products, streams

SIZES = {"cuda": Sizes(edge=4096, elements=2**26), "cpu": Sizes(edge=512, elements=2**21)}
"""How large probes are on each kind of device."""

Progress = Callable[[int, int], None]
"""Takes the number of operations timed, and of all."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A target, and how well it fits."""

    toml: str
    fits: tuple[Fit, ...]


def default_name(device: str) -> str:
    """Return the name of a target after its device; raises UsageError as `calibrate` does."""
    clock = clock_of(device)
    slug = re.sub(r"[^a-z0-9]+", "-", device_name(clock).lower()).strip("-")
    return f"gpu-{slug}" if device == "cuda" else device


def calibrate(
    device: str, *, name: str, progress: Progress, tdp_w: float | None = None
) -> Calibration:
    """Time operations on a device of this machine and fit the GPU's model to them.

    Args:
        device: `cuda`, or `cpu`: a processor described with the parameters of a GPU.
        name: Of the target.
        progress: Called as operations are timed.
        tdp_w: Thermal design power in W, where the driver does not tell.

    Raises:
        UsageError: There is no such device, or its power is not known.
    """
    clock = clock_of(device)
    sizes = within_memory(clock, SIZES[device])
    facts = facts_of(clock, sizes, tdp_w)
    heading = _heading(name, device_name(clock), described=device)
    probes = [*streams(sizes)]
    for precision in facts.precisions:
        probes += products(precision, sizes)
    start = target_from_toml(document(heading, facts.numbers), name).device("gpu").table
    fits = fit_stages(start, sampled(clock, probes, _counter(progress, len(probes))))
    text = document(heading, facts.numbers, fits)
    target_from_toml(text, name)  # refuses what measured wrong
    return Calibration(text, fits)


def _counter(progress: Progress, count: int) -> Callable[[], None]:
    done = iter(range(1, count + 1))
    return lambda: progress(next(done), count)


def _heading(name: str, found: str, described: str) -> Heading:
    today = datetime.now(UTC).date().isoformat()
    stamp = f"hptc target calibrate on {today}, torch {torch.__version__}, {found}"
    as_gpu = "" if described == "cuda" else ", described with the parameters of a GPU"
    return Heading(name, f"{found}{as_gpu}, measured on {today}.", stamp)
