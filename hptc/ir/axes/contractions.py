"""Axes of matrix products, convolutions and look-ups."""

from hptc.ir.axes.model import CLOSED, Labels, Site, close, letters

_PRODUCTS = {
    "mm": ({0: "mk", 1: "kn"}, "mn"),
    "bmm": ({0: "bmk", 1: "bkn"}, "bmn"),
    "mv": ({0: "mk", 1: "k"}, "m"),
    "dot": ({0: "k", 1: "k"}, ""),
}
_ADDED_PRODUCTS = {
    "addmm": ({1: "m.", 2: ".n"}, "mn"),
    "baddbmm": ({1: "bm.", 2: "b.n"}, "bmn"),
}
"""The summed axis is closed: chunk after chunk would add the bias again."""


def product(site: Site) -> Labels:
    """Return the axes of a matrix product."""
    operands, output = _PRODUCTS[site.kind]
    return site.labels(operands, [output])


def added_product(site: Site) -> Labels:
    """Return the axes of a matrix product plus a bias, which may be broadcast."""
    operands, output = _ADDED_PRODUCTS[site.kind]
    shape = site.operands[0].shape
    bias = "".join(
        CLOSED if extent == 1 else label
        for extent, label in zip(shape, output[len(output) - len(shape) :], strict=True)
    )
    return site.labels({0: bias, **operands}, [output])


def convolution(site: Site) -> Labels:
    """Return the axes of a convolution: samples and, without groups, channels."""
    get = site.args.get
    has_bias, transposed, groups = (
        get(2, "bias") is not None,
        get(6, "transposed"),
        get(8, "groups"),
    )
    inner = CLOSED if has_bias or groups != 1 else "c"
    outer = CLOSED if groups != 1 else "o"
    space = CLOSED * (len(site.operands[0].shape) - 2)
    weight = (inner + outer if transposed else outer + inner) + space
    operands = {0: f"n{inner}{space}", 1: weight, 2: outer}
    return site.labels(operands, [f"n{outer}{space}"])


def convolution_backward(site: Site) -> Labels:
    """Return the axes of the gradients of a convolution."""
    get = site.args.get
    transposed, groups, mask = get(7, "transposed"), get(9, "groups"), get(10, "output_mask")
    wanted = mask if isinstance(mask, tuple) else ()
    inner = CLOSED if groups != 1 or wanted[2:] != (False,) else "c"
    outer = CLOSED if groups != 1 else "o"
    space = CLOSED * (len(site.operands[0].shape) - 2)
    weight = (inner + outer if transposed else outer + inner) + space
    data = f"n{inner}{space}"
    made = (data, weight, outer)
    outputs = [labels for labels, is_made in zip(made, wanted, strict=True) if is_made]
    return site.labels({0: f"n{outer}{space}", 1: data, 2: weight}, outputs)


def embedding(site: Site) -> Labels:
    """Return the axes of a look-up of rows."""
    index = letters(site.operands[1])
    return site.labels({0: ".z", 1: index}, [f"{index}z"])


def embedding_backward(site: Site) -> Labels:
    """Return the axes of the sum of gradients by row."""
    by_frequency = bool(site.args.get(4, "scale_grad_by_freq"))
    index = letters(site.operands[1])
    if by_frequency:
        index = CLOSED * len(index)
    return site.labels({0: f"{index}z", 1: index}, [".z"])


def gather(site: Site) -> Labels:
    """Return the axes of a gather: the index streams along all of them."""
    axis, index = site.axis(1), letters(site.operands[-1])
    return site.labels({0: close(index, [axis]), 2: index}, [index])


def index_select(site: Site) -> Labels:
    """Return the axes of a selection along one axis."""
    axis, own = site.axis(1), letters(site.operands[0])
    return site.labels({0: close(own, [axis]), 2: "z"}, [f"{own[:axis]}z{own[axis + 1 :]}"])


def scatter(site: Site) -> Labels:
    """Return the axes of a scatter along one axis."""
    own = close(letters(site.operands[0]), [site.axis(1)])
    return site.labels({0: own, 2: own, 3: own}, [own])


RULES = {
    **dict.fromkeys(_PRODUCTS, product),
    **dict.fromkeys(_ADDED_PRODUCTS, added_product),
    "convolution": convolution,
    "convolution_backward": convolution_backward,
    "embedding": embedding,
    "embedding_dense_backward": embedding_backward,
    "gather": gather,
    "index_select": index_select,
    "scatter": scatter,
    "scatter_add": scatter,
}
