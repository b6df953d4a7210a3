"""Latency and energy of HpT's steps in `low`, compiled as a user does, beside all on the GPU."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.applications.models import HEADS, SWE, WEATHER, build
from benchmarks.partitioner.steps import TARGETS
from hptc.compiler import compile_model

PHASE = "low"
VARIANTS: Mapping[str, Mapping[str, Any]] = {"untiled": {}, "tiled": {"tile": "auto"}}
"""Options of `hptc.compile` for each way to place a step."""
PJ_PER_NJ = 1e3


@dataclass(frozen=True, slots=True)
class Placed:
    """One step on one target; times in ns, energies in pJ."""

    model: str
    target: str
    variant: str
    tasks: int
    latency_ns: int
    lower_bound_ns: int
    energy_pj: float
    gpu_ns: int
    gpu_pj: float


def placed(time_s: float, seed: int, wanted: Callable[[str], object]) -> Iterator[Placed]:
    """Yield both models on both targets in each way that is wanted, compiled within `time_s` s."""
    for application in (SWE, WEATHER):
        for target in TARGETS:
            for variant, options in VARIANTS.items():
                if not wanted(f"{application.name} {target} {variant}"):
                    continue
                case = build(application, application.paper)
                program = compile_model(
                    case.model,
                    case.inputs,
                    target=target,
                    phases=(PHASE,),
                    train=HEADS,
                    time_limit_s=time_s,
                    seed=seed,
                    **options,
                )
                found = program.report()["phases"][PHASE]
                gpu = found["baselines"][found["all_gpu"]]
                yield Placed(
                    model=application.name,
                    target=target,
                    variant=variant,
                    tasks=found["tasks"],
                    latency_ns=found["latency_ns"],
                    lower_bound_ns=found["lower_bound_ns"],
                    energy_pj=PJ_PER_NJ * found["energy_nj"],
                    gpu_ns=gpu["latency_ns"],
                    gpu_pj=PJ_PER_NJ * gpu["energy_nj"],
                )
