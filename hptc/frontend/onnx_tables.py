"""Recognising tables that nobody trained, by their data: sinusoids, masks, adjacency matrices."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

_TOLERANCE = 1e-5
_MASK_LEVEL = -1e3
"""At or below this a number added to attention scores hides a position."""
_SURPLUS = 3
"""Equations beyond the unknowns before a pattern counts as found and not as chance."""
_LONG = 64
"""Rows and columns of a table from which a few columns are tried before all."""


def fixed_table(value: Tensor) -> str | None:
    """Return what pattern makes the table a fixed one, or None where it may well be learned.

    >>> fixed_table(torch.eye(4))
    'all zeros and ones'
    """
    table = value.detach().double()
    if table.numel() < 2 or not _varies(table):  # noqa: PLR2004 (one number is no pattern)
        return None
    return next((name for name, holds in _PATTERNS if holds(table)), None)


def is_series(value: Tensor) -> bool:
    """Tell whether the table is made of sinusoids or series, which nobody trains."""
    table = value.detach().double()
    return table.numel() > 1 and _varies(table) and _is_recurrent(table)


def _varies(table: Tensor) -> bool:
    return bool((table != table.reshape(-1)[0]).any())


def _is_binary(table: Tensor) -> bool:
    return bool(((table == 0) | (table == 1)).all())


def _is_mask(table: Tensor) -> bool:
    return bool(((table == 0) | (table <= _MASK_LEVEL)).all())


def _is_square(table: Tensor) -> bool:
    return table.dim() > 1 and table.shape[-1] == table.shape[-2] > 1


def _is_symmetric(table: Tensor) -> bool:
    if not _is_square(table) or not torch.allclose(table[..., 0], table[..., 0, :], rtol=1e-6):
        return False
    return torch.allclose(table, table.mT, rtol=1e-6, atol=0)


def _is_stochastic(table: Tensor) -> bool:
    if not _is_square(table) or not bool((table >= 0).all()):
        return False
    sums = (table.sum(-1), table.sum(-2))
    return any(torch.allclose(s, torch.ones_like(s), atol=_TOLERANCE) for s in sums)


def _is_geometric(table: Tensor) -> bool:
    row = table.reshape(-1)
    if max(table.shape) != row.numel() or row.numel() <= _SURPLUS or bool((row <= 0).any()):
        return False
    ratios = row[1:] / row[:-1]
    return torch.allclose(ratios, ratios.mean(), rtol=1e-4)


def _is_grid(table: Tensor) -> bool:
    """Whether each column repeats its values equally often, as coordinates of a grid do."""
    columns = table.reshape(-1, table.shape[-1])
    if table.dim() < 2 or not _varies(columns[:, 0]):  # noqa: PLR2004  (rows and columns)
        return False
    return all(_repeats_evenly(columns[:, i]) for i in range(columns.shape[1]))


def _repeats_evenly(column: Tensor) -> bool:
    changes = torch.nonzero(column.sort().values.diff()).reshape(-1) + 1
    ends = torch.cat((changes, torch.tensor([len(column)])))
    counts = ends.diff(prepend=torch.zeros(1, dtype=torch.int64))
    return bool((counts == counts[0]).all()) and 1 < len(counts) < len(column)


def _is_recurrent(table: Tensor) -> bool:
    """Whether the columns are sinusoids, arithmetic or geometric series, each with any offset.

    The differences d of such a column obey d[p-1] + d[p+1] = k d[p] with one k for the column.
    Where the table is short, columns are tried in pairs that share k, as sine and cosine do.
    """
    for columns in _columns(table):
        scale = columns.abs().max() + columns.std()
        steps = columns.diff(dim=0) / scale
        if (steps.abs().amax(0) > _TOLERANCE).double().mean() < 0.5:  # noqa: PLR2004 (half)
            continue
        if any(_obeys(group) for group in _groups(steps)):
            return True
    return False


def _columns(table: Tensor) -> Iterator[Tensor]:
    """Yield the table with each long enough axis first, the others flattened, each column once."""
    for axis, extent in enumerate(table.shape):
        columns = table.movedim(axis, 0)
        if extent > _SURPLUS and _may_recur(columns):
            yield _distinct(columns.reshape(extent, -1))


def _may_recur(columns: Tensor) -> bool:
    """Whether a few columns of a large table recur, each for itself: else no search need start."""
    length = len(columns)
    count = columns.numel() // length
    if length < _LONG or count < _LONG:
        return True
    picked = torch.arange(0, count, max(1, count // _LONG))
    places = torch.unravel_index(picked, columns.shape[1:])
    few = columns.movedim(0, -1)[places].t()
    steps = few.diff(dim=0) / (few.abs().max() + few.std())
    return _obeys(steps.unsqueeze(1), min(_TOLERANCE * length, 1e-2))


def _distinct(columns: Tensor) -> Tensor:
    """Return the columns without repetitions, which prove nothing."""
    found, which = torch.unique(columns, dim=1, return_inverse=True)
    places = torch.full((found.shape[1],), columns.shape[1])
    places.scatter_reduce_(0, which, torch.arange(columns.shape[1]), "amin")
    return columns[:, places.sort().values]


def _groups(steps: Tensor) -> Iterator[Tensor]:
    """Yield ways to group columns that share k, as [position, column in group, group]."""
    count = steps.shape[1]
    yield steps.unsqueeze(1)
    if count % 2 == 0:
        yield steps.reshape(len(steps), count // 2, 2).transpose(1, 2)
        yield steps.reshape(len(steps), 2, count // 2)


def _obeys(steps: Tensor, tolerance: float = _TOLERANCE) -> bool:
    middle, sides = steps[1:-1], steps[:-2] + steps[2:]
    groups = steps.shape[2]
    if middle.numel() - groups < _SURPLUS:
        return False
    square = (middle * middle).sum((0, 1)).clamp(min=1e-30)
    k = (middle * sides).sum((0, 1)) / square
    return bool((sides - k * middle).abs().max() <= tolerance)


_PATTERNS: tuple[tuple[str, Callable[[Tensor], bool]], ...] = (
    ("all zeros and ones", _is_binary),
    ("a mask", _is_mask),
    ("a symmetric matrix", _is_symmetric),
    ("a matrix whose rows or columns sum to one", _is_stochastic),
    ("a grid of coordinates", _is_grid),
    ("a geometric series", _is_geometric),
    ("made of sinusoids or series", _is_recurrent),
)
