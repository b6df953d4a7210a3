"""The loss of a compiled program, as a function of output and target."""

from hptc.frontend.losses import LossFunction, parse_loss
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
