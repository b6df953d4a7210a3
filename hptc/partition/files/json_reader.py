"""Reading JSON with care: every complaint names file and place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hptc.errors import ProblemError

LARGEST = 10**18
"""Largest time or size accepted, in ns or bytes: beyond it is a mistake of units."""

LONGEST_QUOTE = 200
"""Characters of a piece of a file that an error repeats."""

Key = TypeVar("Key", bound=int | str)


def malformed(where: object, expected: str, found: object) -> ProblemError:
    """Return the error for a malformed piece of a file."""
    return ProblemError(str(where), expected=expected, found=shortened(found))


def shortened(piece: object) -> str:
    """Return a piece as text, the beginning of it where it is long."""
    text = str(piece)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the pieces of one file."""

    path: str

    def malformed(self, where: str, expected: str, found: object) -> ProblemError:
        """Return the error for a malformed piece of the file."""
        return malformed(f"{self.path}: {shortened(where)}", expected, found)

    def record(
        self,
        where: str,
        raw: object,
        keys: tuple[str, ...],
        optional: tuple[str, ...] | None = None,
    ) -> dict[str, Any]:
        """Return an object that has the given keys, and no others but `optional` (None: any)."""
        if not isinstance(raw, dict):
            raise self.malformed(where, "an object", repr(raw))
        wanted = f"an object with the keys {', '.join(keys)}"
        missing = ", ".join(key for key in keys if key not in raw)
        if missing:
            raise self.malformed(where, wanted, f"one without {missing}")
        unknown = [key for key in raw if optional is not None and key not in (*keys, *optional)]
        if unknown:
            choice = f", and of {', '.join(optional)} at most" if optional else " only"
            raise self.malformed(where, wanted + choice, f"the key {unknown[0]}")
        return raw

    def array(self, where: str, raw: object) -> list[Any]:
        """Return a list."""
        if not isinstance(raw, list):
            raise self.malformed(where, "a list", repr(raw))
        return raw

    def text(self, where: str, raw: object) -> str:
        """Return a text."""
        if not isinstance(raw, str):
            raise self.malformed(where, "a name", repr(raw))
        return raw

    def whole(self, where: str, raw: object, most: int = LARGEST) -> int:
        """Return an integer from 0 to `most`; 5.0 counts as 5."""
        number = raw if isinstance(raw, int | float) and not isinstance(raw, bool) else -1
        if not 0 <= number <= most or number != int(number):
            raise self.malformed(where, f"an integer from 0 to {most:.0e}", repr(raw))
        return int(number)

    def optional_whole(self, where: str, raw: object) -> int | None:
        """Return an integer from 0 to `LARGEST`, or None for null."""
        return None if raw is None else self.whole(where, raw)

    def number(self, where: str, raw: object) -> float:
        """Return a number from 0 to `LARGEST`."""
        is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
        if not is_number or not 0 <= raw <= LARGEST:  # type: ignore[operator]
            raise self.malformed(where, f"a number from 0 to {LARGEST:.0e}", repr(raw))
        return float(raw)  # type: ignore[arg-type]

    def rate(self, where: str, raw: object) -> float:
        """Return a number above 0."""
        found = self.number(where, raw)
        if found < 1 / LARGEST:
            raise self.malformed(where, "a number above 0", repr(raw))
        return found

    def identifier(self, where: str, raw: object) -> int | str:
        """Return the id of a task."""
        if not isinstance(raw, int | str) or isinstance(raw, bool):
            raise self.malformed(where, "an id (integer or string)", repr(raw))
        return raw

    def note(self, where: str, name: Key, known: dict[Key, int]) -> None:
        """Give a new name the next position."""
        if name in known:
            raise self.malformed(where, "names and ids used once", f"{name!r} again")
        known[name] = len(known)

    def member(self, where: str, raw: object, names: Mapping[str, int]) -> int:
        """Return the position of what is given by its name or its position."""
        if isinstance(raw, str) and raw in names:
            return names[raw]
        if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < len(names):
            shown = ", ".join(names) or "none"
            wanted = f"one of {shown}, or a position below {len(names)}"
            raise self.malformed(where, wanted, repr(raw))
        return raw

    def task(self, where: str, raw: object, tasks: Mapping[int | str, int]) -> int:
        """Return the position of a task given by its id."""
        if not isinstance(raw, int | str) or isinstance(raw, bool) or raw not in tasks:
            raise self.malformed(where, "the id of a task", repr(raw))
        return tasks[raw]
