"""How mistakes in a target file are told: the place, what is allowed there, what was meant."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cost_models.link import LinkTable, TopologyTable, link_place
from cost_models.text_file import shorten
from hptc.errors import TargetError

Model = TypeVar("Model", bound=BaseModel)
PRESET = "preset"
_UNITS = frozenset({
    "ns", "us", "ms", "s", "pj", "nj", "uj", "w", "mw", "ghz", "mhz", "gsps", "gbps", "kib",
    "bytes", "bits", "tflops", "mm2", "um2", "v", "ohm", "nm",
})  # fmt: skip
"""Endings of a key that a wrong unit may have taken the place of."""


def refuse_unknown(where: str, what: str, found: str, allowed: Sequence[str]) -> NoReturn:
    """Raise the error for a name that is not one of those allowed."""
    raise TargetError(
        where,
        expected=f"{what}: one of {', '.join(sorted(allowed))}",
        found=shown(found),
        hint=_near(found, allowed),
    )


def validated(model: type[Model], data: Mapping[str, object], where: str) -> Model:
    """Return a table as its model.

    Raises:
        TargetError: Naming the first key that is wrong, and what is allowed there.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        place = _place(problems[0]["loc"][:-1], data)
        at = f"{where}, {place}" if place else where
        raise _target_error(model, problems[0], len(problems) - 1, at) from None


def shown(value: object) -> str:
    """Return a value as it is written, cut where it is long."""
    return shorten(repr(value))


def _place(path: Sequence[int | str], data: Mapping[str, object]) -> str:
    """Where an error lies; a link goes by its ends, since `extends` counts links anew."""
    match path, data.get("links"):
        case ["links", int(position), *_], list(links) if isinstance(links[position], Mapping):
            return link_place(links[position])
    return ".".join(map(str, path))


def _target_error(
    model: type[BaseModel], problem: ErrorDetails, more: int, place: str
) -> TargetError:
    *path, last = [str(part) for part in problem["loc"]] or [""]
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
            hint=f"Give it, or {_instead(allowed)}.{rest}",
        )
    message = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return TargetError(
        place,
        expected=f"{last} to be {message}" if last else message,
        found=shown(problem["input"]) if last else _told(message, problem["input"]),
        hint=rest.strip(),
    )


def _instead(allowed: Sequence[str]) -> str:
    """What supplies a key that is missing."""
    if PRESET in allowed:
        return f"name a `{PRESET}`"
    return 'start from a built-in with extends = "builtin:..."'


def _told(message: str, table: object) -> str:
    """The values of the keys that a message about a whole table names."""
    values = table if isinstance(table, Mapping) else {}
    named = [key for key in values if re.search(rf"\b{re.escape(str(key))}\b", message)]
    return ", ".join(f"{key} = {values[key]}" for key in named) or "a table that differs"


def _fields_at(model: type[BaseModel], path: Sequence[str]) -> Sequence[str]:
    """Names of the keys allowed where an error lies."""
    inner: Mapping[str, type[BaseModel]] = {"links": LinkTable, "topology": TopologyTable}
    at = inner.get(path[0]) if path else None
    return (*at.model_fields, PRESET) if at else tuple(model.model_fields)


def _near(found: str, allowed: Sequence[str]) -> str:
    """Suggest what was meant: the same key with its unit, or one spelled alike."""
    stems = (f"{found}_", f"{found.rpartition('_')[0] or found}_")
    for stem in stems:
        for key in allowed:
            if key.startswith(stem) and key.removeprefix(stem) in _UNITS:
                return f"Did you mean {key!r}? A key ends in its unit."
    close = get_close_matches(found, allowed, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
