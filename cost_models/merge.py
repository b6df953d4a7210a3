"""How target documents are put together: `extends` and `--set`."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cost_models.link_presets import with_presets
from cost_models.mistakes import refuse_unknown
from cost_models.overlay import merged
from hptc.errors import TargetError

Document = dict[str, object]
_MOST_LEVELS = 32
SET_SOURCE = "--set on the command line"


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


def with_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """Return the document with `path.to.key=value` settings applied, in order.

    Raises:
        TargetError: A setting is malformed or names no place in the document.
    """
    for setting in overrides:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip():
            raise TargetError(
                f"--set {setting}",
                expected="devices.NAME.KEY=VALUE",
                found="no such assignment",
                hint="For example --set devices.reram.adc_bits=6.",
            )
        keys = path.strip().split(".")
        change = _nested(document, keys, _value(text.strip()), setting)
        document = merged(document, with_presets(change, f"--set {setting}"))
    return document


def _nested(
    document: Mapping[str, object], keys: list[str], value: object, setting: str
) -> Document:
    """The setting as a document of its own, checked against the places that exist."""
    place: object = document
    for depth, key in enumerate(keys[:-1]):
        inside = ".".join(keys[:depth]) or "target"
        if not isinstance(place, Mapping) or not isinstance(place.get(key), Mapping):
            tables = _tables(place)
            refuse_unknown(f"--set {setting}", f"a table of {inside}", key, tables)
        place = place[key]
    change: Document = {keys[-1]: value}
    if isinstance(place, Mapping) and "kind" in place and not isinstance(value, str):
        change["sources"] = {keys[-1]: SET_SOURCE}
    for key in reversed(keys[:-1]):
        change = {key: change}
    return change


def _tables(place: object) -> list[str]:
    if not isinstance(place, Mapping):
        return []
    return [str(key) for key, value in place.items() if isinstance(value, Mapping)]


def _value(text: str) -> object:
    """Read a TOML value; anything else is a bare word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _bases(extends: object, where: str) -> list[str]:
    entries = extends if isinstance(extends, list) else [extends]
    names = [entry for entry in entries if isinstance(entry, str)]
    if len(names) != len(entries):
        raise TargetError(where, expected="extends to name targets", found=repr(extends))
    return names
