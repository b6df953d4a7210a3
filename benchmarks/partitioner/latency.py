"""Latency and energy of HpT's steps in `low`, untiled and tiled, beside all on the GPU."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmarks.applications.models import HEADS, SWE, WEATHER
from benchmarks.partitioner.steps import TARGETS
from benchmarks.steps import captured_station
from cost_models.load import load_target
from hptc.ir.graph import Graph, Phase
from hptc.options import make_options
from hptc.phases import NO_HOOKS, compile_phase

ONE_COPY = ("devices.reram.max_copies=1",)
VARIANTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "untiled": ("off", ONE_COPY),
    "tiled": ("auto", ONE_COPY),
    "untiled, copies": ("off", ()),
    "tiled, copies": ("auto", ()),
}
"""`--tile`, and what is set in the target, for each way to place a step."""
PHASE = "low"
OBJECTIVES = ("latency", "energy")
PJ_PER_NJ = 1e3


@dataclass(frozen=True, slots=True)
class Placed:
    """One step on one target; times in ns, energies in pJ."""

    model: str
    target: str
    objective: str
    variant: str
    tasks: int
    latency_ns: int
    lower_bound_ns: int
    tilings_bound_ns: int | None
    """On every tiling; None where none was considered."""
    energy_pj: float
    gpu_ns: int
    gpu_pj: float


def placed(time_s: float, seed: int, wanted: Callable[[str], object]) -> Iterator[Placed]:
    """Yield both models on both targets in each way that is wanted, placed within `time_s` s."""
    for application in (SWE, WEATHER):
        ways = [
            way
            for way in product(TARGETS, OBJECTIVES, VARIANTS)
            if wanted(" ".join((application.name, *way)))
        ]
        if ways:
            graph = captured_station(application, Phase(PHASE))
            yield from (_placed(application.name, graph, way, time_s, seed) for way in ways)


def _placed(
    model: str, graph: Graph, way: tuple[str, str, str], time_s: float, seed: int
) -> Placed:
    target, objective, variant = way
    tile, overrides = VARIANTS[variant]
    options = make_options(phases=(PHASE,), train=HEADS, objective=objective, tile=tile, seed=seed)
    result = compile_phase(graph, load_target(target, overrides), options, NO_HOOKS, time_s)
    found: Mapping[str, Any] = result.report
    gpu, tried = found["baselines"][found["all_gpu"]], found["tried"]
    return Placed(
        model=model,
        target=target,
        objective=objective,
        variant=variant,
        tasks=found["tasks"],
        latency_ns=found["latency_ns"],
        lower_bound_ns=found["lower_bound_ns"],
        tilings_bound_ns=None if tried is None else tried["lower_bound_ns"],
        energy_pj=PJ_PER_NJ * found["energy_nj"],
        gpu_ns=gpu["latency_ns"],
        gpu_pj=PJ_PER_NJ * gpu["energy_nj"],
    )
