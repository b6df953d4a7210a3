"""Steps of micro-batches of HpT's models in `low` that overlap, beside all on the GPU."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.applications.models import HEADS, SWE, WEATHER, build
from benchmarks.partitioner.latency import PHASE, PJ_PER_NJ
from benchmarks.partitioner.steps import TARGETS
from hptc.compiler import compile_model

OBJECTIVES = ("latency", "period")


@dataclass(frozen=True, slots=True)
class Overlapped:
    """A step of micro-batches on one target; times in ns, energies in pJ."""

    model: str
    target: str
    objective: str
    count: int
    alone_ns: int
    """A step of one micro-batch."""
    period_ns: int
    period_bound_ns: int
    latency_ns: int
    energy_pj: float
    gpu_way: str
    gpu_ns: int
    gpu_pj: float


def overlapped(
    counts: Sequence[int], time_s: float, seed: int, wanted: Callable[[str], object]
) -> Iterator[Overlapped]:
    """Yield steps of `counts` micro-batches of both models on both targets, each within `time_s` s.

    Each is placed for the latency of a step alone, and for the micro-batches together.
    """
    for application in (SWE, WEATHER):
        case = build(application, application.paper)
        for target in TARGETS:
            for objective in OBJECTIVES:
                if not wanted(f"{application.name} {target} {objective}"):
                    continue
                for count in counts:
                    program = compile_model(
                        case.model,
                        case.inputs,
                        target=target,
                        phases=(PHASE,),
                        train=HEADS,
                        objective=objective,
                        micro_batches=count,
                        time_limit_s=time_s,
                        seed=seed,
                    )
                    figures = program.report()["phases"][PHASE]
                    yield _overlapped(application.name, target, objective, figures)


def _overlapped(model: str, target: str, objective: str, figures: dict[str, Any]) -> Overlapped:
    found = figures["micro_batches"]
    gpu = found["all_gpu"]
    return Overlapped(
        model=model,
        target=target,
        objective=objective,
        count=found["count"],
        alone_ns=figures["latency_ns"],
        period_ns=found["period_ns"],
        period_bound_ns=found["period_bound_ns"],
        latency_ns=found["latency_ns"],
        energy_pj=PJ_PER_NJ * found["energy_nj"],
        gpu_way=gpu["way"],
        gpu_ns=gpu["latency_ns"],
        gpu_pj=PJ_PER_NJ * gpu["energy_nj"],
    )
