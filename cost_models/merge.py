"""What a target document `extends`, put together."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cost_models.mistakes import shown
from cost_models.overlay import Document, merged
from hptc.errors import TargetError

_MOST_LEVELS = 32


def resolved(
    document: Document, where: str, read: Callable[[str, str], tuple[str, Document]]
) -> Document:
    """Return the document with everything it extends merged in, first named first.

    Of two targets in one list, a device of the later one that says its `kind` is a whole one, which
    takes the place of the other's; else it is laid over that.

    Args:
        document: As parsed.
        where: Its name, for messages and to find files beside it.
        read: Gives the name and document of an `extends` entry, seen from `where`.
    """
    return _resolved(document, (where,), read)


def _resolved(
    document: Document, trail: tuple[str, ...], read: Callable[[str, str], tuple[str, Document]]
) -> Document:
    own = {key: value for key, value in document.items() if key != "extends"}
    base: Document = {}
    for entry in _bases(document.get("extends", []), trail[-1]):
        name, parent = read(entry, trail[-1])
        if Path(name).resolve() in map(Path.resolve, map(Path, trail)):
            shown = " -> ".join((*trail, name))
            raise TargetError(
                trail[0], expected="targets that do not extend themselves", found=shown
            )
        if len(trail) == _MOST_LEVELS:
            allowed = f"at most {_MOST_LEVELS} targets that extend one another"
            raise TargetError(trail[0], expected=allowed, found="more")
        later = _resolved(parent, (*trail, name), read)
        base = merged(_without_replaced(base, later), later)
    return merged(base, own)


def _without_replaced(base: Document, later: Document) -> Document:
    """The base with nothing in the devices that the later target describes as a whole."""
    devices, others = base.get("devices"), later.get("devices")
    if not isinstance(devices, Mapping) or not isinstance(others, Mapping):
        return base
    whole = {
        name for name, table in others.items() if isinstance(table, Mapping) and "kind" in table
    }
    kept = {name: {} if name in whole else table for name, table in devices.items()}
    return {**base, "devices": kept}


def _bases(extends: object, where: str) -> list[str]:
    entries = extends if isinstance(extends, list) else [extends]
    names = [entry for entry in entries if isinstance(entry, str)]
    if len(names) != len(entries):
        raise TargetError(where, expected="extends to name targets", found=shown(extends))
    return names
