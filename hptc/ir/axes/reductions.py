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


def _reduced(site: Site) -> set[int]:
    rank = len(site.operands[0].shape)
    given = site.args.integers(_DIM_POSITION.get(site.kind, 1), "dim")
    if not given and site.kind in _BY_INDEX and site.outputs[1:]:
        given = [-1]
    return {axis % max(rank, 1) for axis in given} or set(range(rank))


RULES = dict.fromkeys((*_ACCUMULATE, *_AT_ONCE.split(), *_BY_INDEX), reduction)
