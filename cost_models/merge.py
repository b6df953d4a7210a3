"""What a target document `extends`, put together."""

from collections.abc import Callable
from pathlib import Path

from cost_models.overlay import Document, merged
from hptc.errors import TargetError

_MOST_LEVELS = 32


def resolved(
    document: Document, where: str, read: Callable[[str, str], tuple[str, Document]]
) -> Document:
    """Return the document with everything it extends merged in, first named first.

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
        base = merged(base, _resolved(parent, (*trail, name), read))
    return merged(base, own)


def _bases(extends: object, where: str) -> list[str]:
    entries = extends if isinstance(extends, list) else [extends]
    names = [entry for entry in entries if isinstance(entry, str)]
    if len(names) != len(entries):
        raise TargetError(where, expected="extends to name targets", found=repr(extends))
    return names
