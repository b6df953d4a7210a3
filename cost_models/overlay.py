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
    """Links of both; of the base, those alone that the child leaves a direction of."""
    told = {pair for link in child for pair in directions(link)}
    return [link for link in base if not told.issuperset(directions(link))] + child


def directions(link: object) -> frozenset[tuple[str, str]]:
    """Return the pairs of source and destination that an entry of `[[links]]` joins."""
    if not isinstance(link, Mapping):
        return frozenset()
    pair = str(link.get("src")), str(link.get("dst"))
    return frozenset({pair, pair[::-1]} if link.get("bidirectional", True) else {pair})
