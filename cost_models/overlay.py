"""How one table of a target is laid over another."""

from collections.abc import Mapping
from typing import TypeGuard

from cost_models.ranges import is_range

Document = dict[str, object]
REMARKS = frozenset({"sources", "validation"})
"""Keys of a table that say something about its numbers."""


def merged(base: Mapping[str, object], child: Mapping[str, object]) -> Document:
    """Return `base` with the tables of `child` laid over it.

    A link replaces the one between the same two devices. A number or a range that replaces another
    does so whole, without the other's source, and its table loses what was validated of it.
    """
    result: Document = dict(base)
    for key, value in child.items():
        known = result.get(key)
        if key == "links" and isinstance(known, list) and isinstance(value, list):
            result[key] = _merged_links(known, value)
        elif key == "devices" and isinstance(known, Mapping) and isinstance(value, Mapping):
            laid = {name: _replaced(known.get(name), table) for name, table in value.items()}
            result[key] = {**known, **laid}
        else:
            result[key] = _replaced(known, value)
    return result


def laid_over(known: Mapping[str, object], child: Mapping[str, object]) -> Document:
    """Return a table with another laid over it; it keeps what it is not told anew."""
    kept = _still_true(known, child)
    return {**kept, **{key: _replaced(kept.get(key), item) for key, item in child.items()}}


def _replaced(known: object, value: object) -> object:
    return laid_over(known, value) if _is_table(known) and _is_table(value) else value


def _is_table(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping) and not is_range(value)


def _still_true(known: Mapping[str, object], child: Mapping[str, object]) -> Document:
    """The base table without what was said about numbers that the child replaces."""
    replaced = {key for key in child if key not in REMARKS and child[key] != known.get(key)}
    kept = dict(known)
    if "validation" in kept and replaced:
        del kept["validation"]
    if isinstance(sources := known.get("sources"), Mapping):
        kept["sources"] = {key: text for key, text in sources.items() if key not in replaced}
    return kept


def _merged_links(base: list[object], child: list[object]) -> list[object]:
    replaced = {_ends(link) for link in child}
    return [link for link in base if _ends(link) not in replaced] + child


def _ends(link: object) -> frozenset[str]:
    ends = ("src", "dst")
    return (
        frozenset(str(link.get(end)) for end in ends) if isinstance(link, Mapping) else frozenset()
    )
