"""Patterns that a user gives for names of weights."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from hptc.errors import UsageError

_NEAR = 3


def search(
    option: str, pattern: str | None, names: Collection[str], unfit: Collection[str] = ()
) -> frozenset[str]:
    """Return the names in which a regular expression is found (`re.search`); none for None.

    Args:
        option: How messages name it, e.g. `--train`.
        pattern: The expression.
        names: What it may choose.
        unfit: Names of integers or frozen parameters, which it may not choose alone.

    Raises:
        UsageError: It is no regular expression, or is found in none of `names`.
    """
    if pattern is None:
        return frozenset()
    where = f"{option} {pattern}"
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(where, expected="a regular expression", found=str(error)) from error
    found = frozenset(name for name in names if expression.search(name))
    if not found:
        only = sorted(name for name in unfit if expression.search(name))[:_NEAR]
        raise UsageError(
            where,
            expected="a pattern that is found in the name of a parameter that can be trained",
            found=f"only integers or frozen parameters: {', '.join(only)}" if only else "no match",
            hint=f"Near names: {', '.join(near_names(pattern, names)) or 'none at all'}.",
        )
    return found


def near_names(pattern: str, names: Collection[str]) -> list[str]:
    """Return the names most like a pattern, or the first where none is."""
    return get_close_matches(pattern, names, n=_NEAR, cutoff=0.3) or sorted(names)[:_NEAR]
