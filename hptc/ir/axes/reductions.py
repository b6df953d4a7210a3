"""Axes of reductions: those left map, those reduced accumulate or are needed at once."""

from hptc.ir.axes.model import Accumulate, Labels, Site, close, letters

_ACCUMULATE = {
    "sum": Accumulate.SUM,
    "count_nonzero": Accumulate.SUM,
    "mean": Accumulate.MEAN,
    "amax": Accumulate.MAXIMUM,
    "max": Accumulate.MAXIMUM,
    "any": Accumulate.MAXIMUM,
    "amin": Accumulate.MINIMUM,
    "min": Accumulate.MINIMUM,
    "all": Accumulate.MINIMUM,
}

_AT_ONCE = "aminmax argmax argmin linalg_vector_norm logsumexp norm prod std std_mean var var_mean"
_BY_INDEX = ("kthvalue", "median", "mode")
_DIM_POSITION = {"linalg_vector_norm": 2, "norm": 2, "kthvalue": 2}


def reduction(site: Site) -> Labels:
    """Return the axes of a reduction."""
    own = letters(site.operands[0])
    reduced = _reduced(site)
    left = "".join(label for axis, label in enumerate(own) if axis not in reduced)
    if len(site.outputs[0].shape) == len(own):
        left = close(own, list(reduced))
    accumulate = _ACCUMULATE.get(site.kind) if len(site.outputs) == 1 else None
    if accumulate is None:
        own = close(own, list(reduced))
    outputs = [left] * len(site.outputs)
    return site.labels({0: own}, outputs, accumulate or Accumulate.SUM)


def class_loss(site: Site) -> Labels | None:
    """Return the axes of the negative log-likelihood of classes: by sample, or summed.

    A mean divides by the weight of all samples, so that it needs every one.
    """
    data, target = _by_class(site)
    match site.args.get(3, "reduction"):
        case 0:
            return site.labels({0: data, 1: target}, [target, ""])
        case 2:
            return site.labels({0: data, 1: target}, ["", ""])
    return None


def class_loss_backward(site: Site) -> Labels:
    """Return the axes of its gradient: by sample, as the weight of all is given."""
    data, target = _by_class(site, 1)
    gradient = target if site.operands[0].shape else ""
    return site.labels({0: gradient, 1: data, 2: target}, [data])


def _by_class(site: Site, position: int = 0) -> tuple[str, str]:
    """Label log-probabilities, of which axis 1 or the only one lists classes, and the target."""
    own = letters(site.operands[position])
    classes = min(1, len(own) - 1)
    return close(own, [classes]), own[:classes] + own[classes + 1 :]


def _reduced(site: Site) -> set[int]:
    rank = len(site.operands[0].shape)
    given = site.args.integers(_DIM_POSITION.get(site.kind, 1), "dim")
    if not given and site.kind in _BY_INDEX and site.outputs[1:]:
        given = [-1]
    return {axis % max(rank, 1) for axis in given} or set(range(rank))


RULES = {
    **dict.fromkeys((*_ACCUMULATE, *_AT_ONCE.split(), *_BY_INDEX), reduction),
    **dict.fromkeys(("nll_loss_forward", "nll_loss2d_forward"), class_loss),
    **dict.fromkeys(("nll_loss_backward", "nll_loss2d_backward"), class_loss_backward),
}
