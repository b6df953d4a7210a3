"""Axes of normalisations and their backward formulas."""

from hptc.ir.axes.model import CLOSED, Labels, Site, close, letters


def layer_norm(site: Site) -> Labels:
    """Return the axes of a norm over the last axes, weights included."""
    own = _leading(site, 1)
    return site.labels({0: own}, [own] * len(site.outputs))


def layer_norm_backward(site: Site) -> Labels:
    """Return the axes of its gradients: of the data by row, of the weights summed."""
    own = _leading(site, 2)
    statistics, mask = _STATISTICS[site.kind]
    operands = {0: own, 1: own, **dict.fromkeys(statistics, own)}
    return site.labels(operands, _wanted(site, mask, (own, "", "")))


def group_norm(site: Site) -> Labels:
    """Return the axes of a norm over groups of channels."""
    return site.labels({0: _first(site)}, [_first(site), "n.", "n."])


def group_norm_backward(site: Site) -> Labels:
    """Return the axes of the gradients of a group norm."""
    own = _first(site)
    operands = {0: own, 1: own, 2: "n.", 3: "n."}
    return site.labels(operands, _wanted(site, 9, (own, "", "")))


def batch_norm(site: Site) -> Labels:
    """Return the axes of a batch norm; while training its statistics need every sample."""
    fixed = site.kind == "_native_batch_norm_legit_no_training"
    training = not fixed and bool(site.args.get(5, "training"))
    own = _channels(site, training or len(site.outputs) > _WITHOUT_STATISTICS)
    outputs = [own, *"c" * (len(site.outputs) - 1)]
    return site.labels({0: own, 1: "c", 2: "c", 3: "c", 4: "c"}, outputs)


def batch_norm_backward(site: Site) -> Labels:
    """Return the axes of the gradients of a batch norm."""
    own = _channels(site, bool(site.args.get(7, "train")))
    operands = {0: own, 1: own, **dict.fromkeys(range(2, 7), "c")}
    return site.labels(operands, _wanted(site, 9, (own, "c", "c")))


_STATISTICS = {
    "native_layer_norm_backward": ((3, 4), 7),
    "_fused_rms_norm_backward": ((3,), 5),
}
"""Positions of the saved statistics and of the mask."""

_WITHOUT_STATISTICS = 3
"""Results of a batch norm that does not return new running statistics."""


def _leading(site: Site, position: int) -> str:
    """Label the axes in front of the normalised ones."""
    own = letters(site.operands[0])
    normalised = len(site.args.integers(position, "normalized_shape"))
    return close(own, range(len(own) - normalised, len(own)))


def _first(site: Site) -> str:
    return "n" + CLOSED * (len(site.operands[0].shape) - 1)


def _channels(site: Site, closed: bool) -> str:
    rest = "defghijk"[: len(site.operands[0].shape) - 2]
    return f".c{CLOSED * len(rest)}" if closed else f"nc{rest}"


def _wanted(site: Site, position: int, labels: tuple[str, ...]) -> list[str]:
    """Return the labels of the results that the argument `output_mask` asks for."""
    mask = site.args.get(position, "output_mask")
    wanted = mask if isinstance(mask, tuple) else ()
    return [own for own, is_made in zip(labels, wanted, strict=False) if is_made]


RULES = {
    "native_layer_norm": layer_norm,
    "_fused_rms_norm": layer_norm,
    "native_layer_norm_backward": layer_norm_backward,
    "_fused_rms_norm_backward": layer_norm_backward,
    "native_group_norm": group_norm,
    "native_group_norm_backward": group_norm_backward,
    "_native_batch_norm_legit_no_training": batch_norm,
    "_native_batch_norm_legit_functional": batch_norm,
    "native_batch_norm": batch_norm,
    "native_batch_norm_backward": batch_norm_backward,
}
