"""Settings of the command line, `--set path.to.key=value`, applied to a target document."""

import tomllib
from collections.abc import Mapping, Sequence

from cost_models.link import WireTable, link_place
from cost_models.link_presets import with_presets
from cost_models.mistakes import refuse_unknown
from cost_models.overlay import Document, laid_over, merged
from hptc.errors import TargetError

SET_SOURCE = "--set on the command line"


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
        make = _of_link if keys[0] == "links" else _nested
        change = make(document, keys, _value(text.strip()), setting)
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
    is_table = isinstance(place, Mapping) and "kind" in place
    change = _sourced(keys[-1], value) if is_table else {keys[-1]: value}
    for key in reversed(keys[:-1]):
        change = {key: change}
    return change


def _of_link(
    document: Mapping[str, object], keys: list[str], value: object, setting: str
) -> Document:
    """The listed link as a document of its own, with the setting applied."""
    listed = document.get("links")
    links = {link_place(link): link for link in _mappings(listed)}
    name, key = ".".join(keys[:-1]), keys[-1]
    if name not in links:
        refuse_unknown(f"--set {setting}", "the KEY of a listed link", name, [*links])
    link = links[name]
    if key == "preset":  # which gives all the numbers
        link = {name: item for name, item in link.items() if name not in WireTable.model_fields}
    return {"links": [laid_over(link, _sourced(key, value))]}


def _sourced(key: str, value: object) -> Document:
    """The setting of a key; only a number has a source."""
    return {key: value} if isinstance(value, str) else {key: value, "sources": {key: SET_SOURCE}}


def _mappings(items: object) -> list[Mapping[str, object]]:
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _tables(place: object) -> list[str]:
    if not isinstance(place, Mapping):
        return []
    return [str(key) for key, value in place.items() if isinstance(value, Mapping)]


def _value(text: str) -> object:
    """Read a TOML value; anything else is a bare word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
