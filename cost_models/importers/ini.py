"""Configuration files of sections and keys, read strictly."""

import re
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import NoReturn

from cost_models.mistakes import refuse_unknown
from cost_models.text_file import read_text, refusal
from hptc.errors import TargetError

_WHOLE = re.compile("0*[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class IniFile:
    """The text of a configuration file, by section and key in lower case."""

    path: Path
    sections: Mapping[str, Mapping[str, str]]

    def place(self, section: str, key: str) -> str:
        """Return where a value stands, for messages and sources."""
        return f"{self.path}, [{section}] {key}"

    def refuse_unknown(self, known: Mapping[str, Sequence[str]]) -> None:
        """Raise the error for a section or key that is not `known`, compared without case."""
        for section, values in self.sections.items():
            if section not in known:
                refuse_unknown(str(self.path), "a section", section, tuple(known))
            allowed = {name.lower(): name for name in known[section]}
            for key in values:
                if key not in allowed:
                    place = f"{self.path}, [{section}]"
                    refuse_unknown(place, "a key", key, tuple(allowed.values()))

    def text(self, section: str, key: str) -> str:
        """Return a value, which may be neither missing nor empty."""
        value = self.sections.get(section, {}).get(key.lower(), "").strip()
        if not value:
            raise TargetError(self.place(section, key), expected="a value", found="none")
        return value

    def choice(self, section: str, key: str, allowed: Sequence[str], default: str = "") -> str:
        """Return a value that is one of a few words, compared without case."""
        if default and key.lower() not in self.sections.get(section, {}):
            return default
        value = self.text(section, key)
        for word in allowed:
            if value.lower() == word.lower():
                return word
        refuse_unknown(self.place(section, key), "a value", value, allowed)

    def whole(self, section: str, key: str) -> int:
        """Return a positive whole number."""
        return whole_number(self.text(section, key), self.place(section, key))

    def numbers(self, section: str, key: str, count: int = 1) -> list[float]:
        """Return so many finite numbers, separated by commas, none below 0."""
        try:
            found = [float(part) for part in self.text(section, key).split(",")]
        except ValueError:
            found = []
        if len(found) != count or not all(0 <= number < inf for number in found):
            wanted = "a number" if count == 1 else f"{count} numbers with commas between them"
            self.refuse(section, key, f"{wanted}, from 0 up")
        return found

    def positive(self, section: str, key: str) -> float:
        """Return a number above 0."""
        (found,) = self.numbers(section, key)
        if found == 0:
            self.refuse(section, key, "a number above 0")
        return found

    def counts(self, section: str, key: str, count: int = 1, least: int = 1) -> list[int]:
        """Return so many whole numbers, separated by commas, none below `least`."""
        found = self.numbers(section, key, count)
        if any(number != int(number) or number < least for number in found):
            self.refuse(section, key, f"whole, {least} or more")
        return [int(number) for number in found]

    def refuse(self, section: str, key: str, wanted: str) -> NoReturn:
        """Raise the error for a value that is not what is wanted."""
        found = repr(self.text(section, key))
        raise TargetError(self.place(section, key), expected=f"{key} to be {wanted}", found=found)


def whole_number(text: str, place: str) -> int:
    """Return the positive whole number that a text at `place` says."""
    if not _WHOLE.fullmatch(text):
        raise TargetError(place, expected="a whole number from 1 to 999999999", found=repr(text))
    return int(text)


def read_ini(path: Path, tool: str) -> IniFile:
    """Read a configuration file of `tool`.

    Raises:
        TargetError: It cannot be read, or is no file of sections and keys.
    """
    expected = f"a configuration file of {tool}"
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path, expected), str(path))
    except ConfigError as error:
        raise refusal(path, expected, str(error)) from None
    return IniFile(path, {name: dict(parser[name]) for name in parser.sections()})
