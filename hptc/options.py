"""Options of a compilation: checked once, then passed down frozen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TypeVar

from torch import Tensor

from hptc.errors import UsageError
from hptc.frontend.accumulate import check_micro_batches
from hptc.frontend.adapter_options import AdapterSpec, parse_adapter
from hptc.frontend.capture import Selection
from hptc.frontend.loss_function import CUSTOM, OwnLoss, given_loss
from hptc.frontend.losses import Loss, LossFunction, loss_text
from hptc.frontend.optimizers import Optimizer, optimizer_text, parse_optimizer
from hptc.ir.graph import Phase
from hptc.partition.fronts.front import check_points
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import Limits
from hptc.partition.period.periodic import check_count
from hptc.partition.training.goal import parse_goal

MIN_CHUNKS, MAX_CHUNKS = 2, 1024
"""Chunks of rows that can be asked for."""

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True)
class Options:
    """How to compile, as `make_options` returns it."""

    targets: Mapping[Phase, str]
    phases: tuple[Phase, ...]
    overrides: tuple[str, ...]
    adapter: tuple[AdapterSpec, ...]
    loss: Loss | OwnLoss
    optimizer: Optimizer
    clip_norm: float | None
    accumulate: int
    output: str | None
    selection: Selection
    dimensions: Mapping[str, int]
    objective: Objective
    is_training: bool
    """Whether the objective is that of all steps and switches, not of a step."""
    time_limit_s: float
    work_limit: float | None
    """Of the solver in s of work, in place of the time limit: each phase takes an equal part."""
    gap: float
    seed: int
    steps: Mapping[Phase, int]
    lr: float
    pareto: int | None
    """Points of the front of latency and energy to report."""
    chunks: int | None
    """Chunks of rows that a step runs in: 1 is all rows at once, None as many as pay."""
    sensitivity: bool
    """Also report how the answer moves over the ranges of the targets."""
    micro_batches: int
    """That overlap in a step; 1: steps follow one another."""

    @property
    def studies(self) -> int:
        """What is asked of each phase beside its schedule."""
        overlaps = self.micro_batches > 1 and self.objective.measure is not Measure.PERIOD
        return int(self.pareto is not None) + int(self.sensitivity) + int(overlaps)

    @property
    def searches(self) -> int:
        """Searches of the size of a phase: one each, more where phases are placed together."""
        return len(self.phases) * (1 + int(self.is_training) + self.studies)

    @property
    def bound_holds_for(self) -> str:
        """For which schedules bounds are proven."""
        return "all schedules" if self.chunks == 1 else "this tiling"

    def to_json(self) -> dict[str, object]:
        """Return the options as JSON values, for the record in a bundle."""
        return {
            "targets": {phase.value: name for phase, name in self.targets.items()},
            "phases": [phase.value for phase in self.phases],
            "overrides": list(self.overrides),
            "adapter": [asdict(spec) for spec in self.adapter],
            "loss": CUSTOM if isinstance(self.loss, OwnLoss) else loss_text(self.loss),
            "optimizer": optimizer_text(self.optimizer),
            "clip_norm": self.clip_norm,
            "accumulate": self.accumulate,
            "output": self.output,
            "train": self.selection.train,
            "frozen": self.selection.frozen,
            "shape": dict(self.dimensions),
            **self.objective.to_json(),
            "is_training": self.is_training,
            "time_limit_s": self.time_limit_s,
            "work_limit": self.work_limit,
            "gap": self.gap,
            "seed": self.seed,
            "steps": {phase.value: count for phase, count in self.steps.items()},
            "lr": self.lr,
            "pareto": self.pareto,
            "tile": _TILES.get(self.chunks, self.chunks),
            "sensitivity": self.sensitivity,
            "micro_batches": self.micro_batches,
        }


def make_options(  # noqa: PLR0913  (one argument per option of the command line)
    *,
    target: str = "hybrid",
    phases: Sequence[str | Phase] = ("full", "low", "infer"),
    adapt: str = "lora:r=8,alpha=64,match=auto",
    loss: str | LossFunction = "mse",
    example_target: Tensor | None = None,
    optimizer: str = "adamw",
    clip_norm: float | None = None,
    accumulate: int = 1,
    output: str | None = None,
    train: str | None = None,
    frozen: str | None = None,
    shape: Mapping[str, int] | None = None,
    objective: str = "latency",
    latency_limit_ns: int | None = None,
    energy_limit_nj: float | None = None,
    time_limit_s: float = 10.0,
    work_limit: float | None = None,
    gap: float = 0.0,
    seed: int = 0,
    steps: Mapping[str, int] | None = None,
    overrides: Sequence[str] = (),
    lr: float = 1e-3,
    pareto: int | None = None,
    tile: str | int = "off",
    sensitivity: bool = False,
    micro_batches: int = 1,
) -> Options:
    """Return checked options, by default those of the command line.

    Raises UsageError naming the option at fault and the choices.
    """
    chosen = tuple(dict.fromkeys(_choice("--phases", Phase, phase) for phase in phases))
    if not chosen:
        raise UsageError("--phases", expected="at least one of full, low, infer", found="none")
    for option, number in (("--lr", lr), ("--clip-norm", clip_norm)):
        if number is not None and not (math.isfinite(number) and number > 0):
            raise UsageError(option, expected="a positive number", found=str(number))
    limits = Limits(time_s=time_limit_s, gap=gap, seed=seed, work_s=work_limit)
    counts = _counts(steps or {})
    goal, is_training = parse_goal(
        objective,
        steps=sum(counts.get(phase, 0) for phase in chosen),
        latency_limit_ns=latency_limit_ns,
        energy_limit_nj=energy_limit_nj,
    )
    return Options(
        targets=_targets(target, chosen),
        phases=chosen,
        overrides=tuple(overrides),
        adapter=parse_adapter(adapt),
        loss=given_loss(loss, example_target),
        optimizer=parse_optimizer(optimizer),
        clip_norm=clip_norm,
        accumulate=check_micro_batches(accumulate),
        output=output,
        selection=Selection(train, frozen),
        dimensions=dict(shape or {}),
        objective=goal,
        is_training=is_training,
        time_limit_s=limits.time_s,
        work_limit=limits.work_s,
        gap=limits.gap,
        seed=limits.seed,
        steps=counts,
        lr=lr,
        pareto=None if pareto is None else check_points(pareto),
        chunks=_chunks(tile),
        sensitivity=sensitivity,
        micro_batches=check_count(
            goal,
            micro_batches,
            {"--pareto": pareto is not None, "--tile": tile != "off", "--sensitivity": sensitivity},
        ),
    )


def _counts(steps: Mapping[str, int]) -> dict[Phase, int]:
    """Return the steps of each phase that has some."""
    for key, count in steps.items():
        if count != int(count) or count < 1:
            raise UsageError(
                f"--steps {key}={count}", expected="an integer from 1", found=f"{count}"
            )
    return {_choice("--steps", Phase, key): count for key, count in steps.items()}


_TILES: Mapping[int | None, str] = {1: "off", None: "auto"}


def _chunks(tile: str | int) -> int | None:
    for chunks, word in _TILES.items():
        if tile == word:
            return chunks
    count = int(tile) if isinstance(tile, int) or tile.isdecimal() else 0
    if not MIN_CHUNKS <= count <= MAX_CHUNKS:
        raise UsageError(
            "--tile", expected=f"off, auto or {MIN_CHUNKS} to {MAX_CHUNKS} chunks", found=repr(tile)
        )
    return count


def _targets(text: str, phases: Sequence[Phase]) -> dict[Phase, str]:
    """Parse `hybrid`, or a target per phase: `full=gpu,low=hybrid-stack`."""
    if "=" not in text:
        return dict.fromkeys(phases, text)
    given = dict(item.partition("=")[::2] for item in text.split(","))
    found = {_choice("--target", Phase, phase): name for phase, name in given.items()}
    missing = [phase.value for phase in phases if phase not in found]
    if missing:
        raise UsageError(
            f"--target {text}", expected="a target for every phase", found=f"none for {missing[0]}"
        )
    return found


def _choice(option: str, kind: type[Choice], given: object) -> Choice:
    try:
        return kind(given)
    except ValueError:
        choices = ", ".join(str(item.value) for item in kind)
        raise UsageError(option, expected=f"one of {choices}", found=repr(given)) from None
