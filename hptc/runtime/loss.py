"""The loss of a compiled program, as a function of output and target."""

from dataclasses import dataclass

from hptc.frontend.losses import BceWithLogits, CrossEntropy, LossFunction, parse_loss
from hptc.frontend.pt2 import eager_module, read_pt2
from hptc.runtime.recorded import recorded
from hptc.schedule.model import Bundle


def loss_of(bundle: Bundle) -> LossFunction:
    """Return the loss that a bundle was compiled with.

    Raises:
        UsageError: It has a name that is unknown here.
        ModelError: It is the user's own, and its record is damaged.
    """
    if bundle.loss is None:
        return parse_loss(recorded(bundle).loss)
    return eager_module(read_pt2(bundle.loss, "reference/loss.pt2"))


@dataclass(frozen=True, slots=True)
class TargetRule:
    """What a loss asks of the numbers of its target, besides their type."""

    ignored: int | None = None
    """Class index that stands for no class."""
    is_probability: bool = False


ANY_TARGET = TargetRule()


def target_rule(bundle: Bundle) -> TargetRule:
    """Return what the loss of a bundle asks of its target; one of the user's own asks nothing."""
    loss = None if bundle.loss is not None else parse_loss(recorded(bundle).loss)
    return TargetRule(
        ignored=CrossEntropy.IGNORED if isinstance(loss, CrossEntropy) else None,
        is_probability=isinstance(loss, BceWithLogits),
    )
