"""Operations without a derivative that cut trained parameters off from the loss."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from hptc.errors import UnsupportedOpError


def refuse_cuts(loss: Tensor, leaves: Mapping[str, Tensor]) -> None:
    """Check that every operation on the way back from the loss has a derivative.

    Raises:
        UnsupportedOpError: One runs outside torch; the message names it and the parameters whose
            gradient would pass through it.
    """
    for node in _reached(loss.grad_fn):
        title = getattr(node, "title", None)
        if title is None:
            continue
        variables = [getattr(found, "variable", None) for found in _reached(node)]
        cut = [name for name, leaf in leaves.items() if any(leaf is v for v in variables)]
        raise UnsupportedOpError(
            f"operation {title}",
            expected="no trained parameter before an operation that runs outside torch, forward "
            "only",
            found=f"{len(cut)}: {', '.join(cut)}",
            hint="Freeze them (--frozen REGEX), or replace the operation when exporting.",
        )


def _reached(root: Any) -> Iterator[Any]:
    """Yield what autograd would visit from a node on."""
    pending, seen = [root], {root}
    while pending:
        node = pending.pop()
        if node is None:
            continue
        yield node
        following = {found for found, _ in node.next_functions} - seen
        seen |= following
        pending += following
