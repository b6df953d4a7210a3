"""Options of a training run, and what they mean for a bundle."""

import math
from dataclasses import dataclass, field

from hptc.errors import UsageError
from hptc.ir.graph import Phase
from hptc.runtime.switch import Hpt, Never, SwitchPolicy
from hptc.runtime.transition import leaving
from hptc.schedule.model import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How to train."""

    steps: int
    """Over all phases; a step of both forms side by side counts once."""
    switch: SwitchPolicy = field(default_factory=Never)
    lr: float = 1e-3
    low_lr: float | None = None
    """Learning rate in `low`; None keeps `lr`."""
    seed: int = 0
    """Decides the order of the samples."""
    watch: tuple[str, ...] = ()
    """Parameters whose movement the HpT rule tests; empty takes those of the last adapted layer."""


def last_adapted_weights(bundle: Bundle) -> tuple[str, ...]:
    """Return the weights of the last module that `low` gives an adapter, such as [Wq|Wv].

    A module is what encloses the layers that own the weights: that of `h.11.attn.q.weight` is
    `h.11.attn`.
    """
    trained = bundle.phases[Phase.FULL].graph.trained
    adapters = leaving(bundle, Phase.LOW).adapters
    adapted = tuple(item.weight for item in adapters if item.weight in trained)
    return tuple(w for w in adapted if _enclosing(w) == _enclosing(adapted[-1]))


def _enclosing(weight: str) -> str:
    return ".".join(weight.split(".")[:-2])


def watched_values(bundle: Bundle, options: TrainOptions) -> tuple[str, ...]:
    """Return the values of `full` that hold the watched parameters after a step.

    Raises:
        UsageError: The options name a parameter that `full` does not train, or there is none.
    """
    if not isinstance(options.switch, Hpt) or Phase.FULL not in bundle.phases:
        return ()
    graph = bundle.phases[Phase.FULL].graph
    names = options.watch or last_adapted_weights(bundle)
    new = {update.state: update.new for update in graph.updates}
    if not names or any(name not in graph.trained for name in names):
        raise UsageError(
            "weights that the rule `hpt` watches",
            expected="parameters that `full` trains",
            found=", ".join(names) or "no adapted weight",
            hint=f"Trained are, e.g.: {', '.join(graph.trained[:5])}.",
        )
    return tuple(new[name] for name in names)


def check_options(bundle: Bundle, options: TrainOptions) -> None:
    """Raise UsageError if an option is out of range or the bundle lacks a phase it needs."""
    if options.steps < 1:
        raise UsageError("--steps", expected="at least 1 step", found=str(options.steps))
    for rate in (options.lr, options.low_lr):
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise UsageError("--lr", expected="a positive number", found=str(rate))
    if options.seed < 0:
        raise UsageError("--seed", expected="a number of at least 0", found=str(options.seed))
    have = set(bundle.phases)
    wants_low = not isinstance(options.switch, Never)
    if not have & {Phase.FULL, Phase.LOW} or (wants_low and Phase.LOW not in have):
        raise UsageError(
            f"bundle {bundle.name}",
            expected="the phase low, to switch to" if wants_low else "a phase that trains",
            found=f"only {', '.join(phase.value for phase in bundle.phases)}",
            hint="Compile with --phases full,low, or train with --switch never.",
        )
