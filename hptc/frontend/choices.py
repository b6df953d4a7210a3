"""Options that choose a rule by name, with settings: `sgd:momentum=0.9,nesterov=true`.

A rule is a frozen dataclass whose fields are the settings; their types and pydantic constraints say
what values are allowed.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from hptc.errors import UsageError

Rule = TypeVar("Rule")


def parse_choice(option: str, text: str, table: Mapping[str, type[Rule]]) -> Rule:
    """Return the rule that a text names.

    Args:
        option: The option, for messages.
        text: `NAME` or `NAME:key=value,...`.
        table: Rules by name.

    Raises:
        UsageError: The name or a key is unknown, or a value out of range.
    """
    name, _, settings = text.partition(":")
    if name not in table:
        raise UsageError(option, expected=f"one of {', '.join(table)}", found=repr(name))
    kind = table[name]
    given = _settings(option, text, settings)
    allowed = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key in given:
        if key not in allowed:
            raise UsageError(
                f"{option} {text}",
                expected=f"{name} with {' or '.join(allowed) or 'no setting'}",
                found=repr(key),
            )
    try:
        return TypeAdapter(kind).validate_strings(given)
    except ValidationError as error:
        raise _value_error(option, text, error) from None


def choice_text(rule: object, table: Mapping[str, type[Any]]) -> str:
    """Return the text that names a rule, with every setting.

    Example: a `Huber(0.5)` of `{"huber": Huber}` is `huber:delta=0.5`.
    """
    name = next(name for name, kind in table.items() if type(rule) is kind)
    settings = asdict(rule)  # type: ignore[call-overload]
    given = [f"{key}={_word(value)}" for key, value in settings.items() if value is not None]
    return f"{name}:{','.join(given)}" if given else name


def _settings(option: str, text: str, settings: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for item in filter(None, settings.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or key in given:
            found = f"{key!r} twice" if equals else repr(item)
            raise UsageError(f"{option} {text}", expected="NAME:key=value,...", found=found)
        given[key] = value
    return given


def _value_error(option: str, text: str, error: ValidationError) -> UsageError:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    if not key:
        message = str(first["msg"]).removeprefix("Value error, ")
        return UsageError(f"{option} {text}", expected=message, found="other settings")
    message = str(first["msg"]).removeprefix("Input should be ")
    return UsageError(f"{option} {text}", expected=f"{key}: {message}", found=repr(first["input"]))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
