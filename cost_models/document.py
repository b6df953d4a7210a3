"""The shape of a target file, and how its mistakes are told.

The numbers of devices, links and topologies carry their source in a table beside them, `sources`,
with one entry a key. Links and topologies may name a `preset` instead (`link_presets`), which is
replaced by its numbers before a document gets here.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from cost_models.link import LinkTable, TopologyTable
from cost_models.ranges import ranges_of, with_numbers
from cost_models.registry import KINDS
from hptc.errors import TargetError

Model = TypeVar("Model", bound=BaseModel)
_UNITS = frozenset({"ns", "pj", "w", "ghz", "gsps", "kib", "bytes", "tflops"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class TargetDocument(BaseModel):
    """A target file after `extends`; device tables are checked by their kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Literal[1]
    name: str
    description: str = ""
    devices: dict[str, dict[str, object]] = Field(min_length=1)
    links: list[LinkTable] = Field(default_factory=list)
    topology: TopologyTable | None = None


def parse_document(data: Mapping[str, object], where: str) -> TargetDocument:
    """Check a whole document, devices included, with its ranges at either end.

    Returns:
        The document with the typical number in the place of each range.

    Raises:
        TargetError: Naming the file, the key and what is allowed there.
    """
    ranges = ranges_of(data, where)
    typical = with_numbers(data, {item.path: item.typical for item in ranges})
    for item in ranges:
        for end in {item.low, item.high} - {item.typical}:
            _parse_numbers(with_numbers(typical, {item.path: end}), where)
    return _parse_numbers(typical, where)


def _parse_numbers(data: Mapping[str, object], where: str) -> TargetDocument:
    document = _validated(TargetDocument, data, where)
    for name, table in document.devices.items():
        _check_device(name, table, f"{where}, devices.{name}")
    _check_ends(document, where)
    return document


def refuse_unknown(where: str, what: str, found: str, allowed: Sequence[str]) -> NoReturn:
    """Raise the error for a name that is not one of those allowed."""
    raise TargetError(
        where,
        expected=f"{what}: one of {', '.join(sorted(allowed))}",
        found=repr(found),
        hint=_near(found, allowed),
    )


def _check_device(name: str, table: Mapping[str, object], where: str) -> None:
    if not _NAME.fullmatch(name):
        raise TargetError(
            where, expected="a device name of letters, digits, - and _", found=repr(name)
        )
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        refuse_unknown(where, "a device `kind`", str(kind), tuple(KINDS))
    params = KINDS[kind].params
    values = {key: value for key, value in table.items() if key != "kind"}
    checked = _validated(params, values, where)
    _check_sources(checked.sources, params, f"{where}.sources", f"a key of kind {kind}")


def _check_sources(
    sources: Mapping[str, str], model: type[BaseModel], where: str, what: str
) -> None:
    keys = [key for key in model.model_fields if key not in {"sources", "validation"}]
    for key in sources:
        if key not in keys:
            refuse_unknown(where, what, key, keys)


def _check_ends(document: TargetDocument, where: str) -> None:
    if document.topology is not None:
        place = f"{where}, topology.sources"
        _check_sources(document.topology.sources, TopologyTable, place, "a key of the topology")
    for position, link in enumerate(document.links):
        place = f"{where}, links.{position}.sources"
        _check_sources(link.sources, LinkTable, place, "a key of a link")
        for end in (link.src, link.dst):
            if end not in document.devices:
                place = f"{where}, links.{position}"
                refuse_unknown(place, "a device of this target", end, [*document.devices])
        if link.src == link.dst:
            raise TargetError(
                f"{where}, links.{position}",
                expected="two different devices",
                found=f"both ends {link.src!r}",
            )
    linked = {end for link in document.links for end in (link.src, link.dst)}
    alone = [name for name in document.devices if name not in linked]
    if len(document.devices) > 1 and alone and document.topology is None:
        raise TargetError(
            where,
            expected="every device to be linked to another",
            found=f"no link to or from {', '.join(alone)}",
            hint="Add a [[links]] entry, or a [topology].",
        )


def _validated(model: type[Model], data: Mapping[str, object], where: str) -> Model:
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise _target_error(model, problems[0], len(problems) - 1, where) from None


def _target_error(
    model: type[BaseModel], problem: ErrorDetails, more: int, where: str
) -> TargetError:
    *path, last = [str(part) for part in problem["loc"]] or [""]
    place = f"{where}, {'.'.join(path)}" if path else where
    allowed = sorted(_fields_at(model, path))
    rest = f" ({more} more like this.)" if more else ""
    if problem["type"] == "extra_forbidden":
        return TargetError(
            place,
            expected=f"only the keys {', '.join(allowed)}",
            found=f"the unknown key {last!r}",
            hint=_near(last, allowed) + rest,
        )
    if problem["type"] == "missing":
        return TargetError(
            place,
            expected=f"the key {last!r}",
            found="none",
            hint=f'Give it, or start from a built-in with extends = "builtin:...".{rest}',
        )
    message = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return TargetError(
        place,
        expected=f"{last} to be {message}" if last else message,
        found=repr(problem["input"]) if last else "something else",
        hint=rest.strip(),
    )


def _fields_at(model: type[BaseModel], path: Sequence[str]) -> Sequence[str]:
    """Names of the keys allowed where an error lies."""
    inner: Mapping[str, type[BaseModel]] = {"links": LinkTable, "topology": TopologyTable}
    at = inner.get(path[0]) if path else None
    return (*at.model_fields, "preset") if at else tuple(model.model_fields)


def _near(found: str, allowed: Sequence[str]) -> str:
    """Suggest what was meant: the same key with its unit, or one spelled alike."""
    stems = (f"{found}_", f"{found.rpartition('_')[0] or found}_")
    for stem in stems:
        for key in allowed:
            if key.startswith(stem) and key.removeprefix(stem) in _UNITS:
                return f"Did you mean {key!r}? A key ends in its unit."
    close = get_close_matches(found, allowed, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
