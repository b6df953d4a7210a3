"""One line of the text form of a graph, as tokens taken from the left."""

import json
import math
import re
from collections.abc import Callable
from enum import Enum
from typing import NoReturn, TypeVar

from hptc.errors import InvalidInputError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, DTypeArg, Ref

_TOKEN = re.compile(r'\s*(?:(<-|[%(){}\[\],:=])|("(?:[^"\\]|\\.)*")|([A-Za-z0-9_./^+-]+))')
_INT = re.compile(r"-?\d+")
_FLOAT = re.compile(r"-?(?:\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|inf|nan)")
_WORDS: dict[str, Arg] = {"none": None, "true": True, "false": False}
_WORDS |= {dtype.value: DTypeArg(dtype) for dtype in DType}

_Choice = TypeVar("_Choice", bound=Enum)
_Item = TypeVar("_Item")


class Line:
    """The tokens of one line, taken from the left."""

    def __init__(self, number: int, line: str) -> None:
        self.number = number
        self._tokens: list[str] = []
        position, line = 0, line.rstrip()
        while position < len(line):
            match = _TOKEN.match(line, position)
            if match is None:
                self.fail("a name, a string, a number or punctuation", line[position:].strip())
            self._tokens.append(match.group(match.lastindex or 0))
            position = match.end()
        self._next = 0

    def fail(self, expected: str, found: str) -> NoReturn:
        """Raise the error of this line."""
        where = f"graph text, line {self.number}"
        raise InvalidInputError(where, expected=expected, found=repr(found))

    def peek(self) -> str:
        """Return the next token, empty at the end of the line."""
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def take(self) -> str:
        """Return the next token and step over it."""
        token = self.peek()
        self._next += 1
        return token

    def accept(self, token: str) -> bool:
        """Step over the next token if it is the given one."""
        if self.peek() != token:
            return False
        self._next += 1
        return True

    def is_keyword(self) -> bool:
        """Say whether a word and `=` come next."""
        return self._tokens[self._next + 1 : self._next + 2] == ["="] and self.peek() != "%"

    def expect(self, token: str) -> None:
        """Step over the given token."""
        if not self.accept(token):
            self.fail(f"`{token}`", self.peek() or "the end of the line")

    def end(self) -> None:
        """Check that nothing is left."""
        if self.peek():
            self.fail("the end of the line", self.peek())

    def choice(self, options: type[_Choice]) -> _Choice:
        """Take the value of an enumeration member."""
        token = self.take()
        for option in options:
            if option.value == token:
                return option
        self.fail(" or ".join(str(option.value) for option in options), token)

    def word(self) -> str:
        """Take a bare word or a quoted string."""
        token = self.take()
        if token.startswith('"'):
            return self._unquoted(token)
        if not token or not (token[0].isalnum() or token[0] in "_./^+-"):
            self.fail("a word", token or "the end of the line")
        return token

    def string(self) -> str:
        """Take a quoted string."""
        token = self.take()
        if not token.startswith('"'):
            self.fail("a quoted string", token or "the end of the line")
        return self._unquoted(token)

    def _unquoted(self, token: str) -> str:
        try:
            return str(json.loads(token))
        except json.JSONDecodeError:
            self.fail("a string quoted as in JSON", token)

    def name(self) -> str:
        """Take a value name."""
        self.expect("%")
        return self.word()

    def listed(self, close: str, item: Callable[[], _Item]) -> tuple[_Item, ...]:
        """Take items between commas, up to and with the closing token."""
        items: list[_Item] = []
        while not self.accept(close):
            if items:
                self.expect(",")
            items.append(item())
        return tuple(items)

    def integer(self) -> int:
        """Take an integer."""
        token = self.take()
        if not _INT.fullmatch(token):
            self.fail("an integer", token or "the end of the line")
        return int(token)

    def arg(self) -> Arg:
        """Take an argument of an operation."""
        token = self.peek()
        if token == "%":
            return Ref(self.name())
        if token.startswith('"'):
            return self.string()
        if self.accept("["):
            return self.listed("]", self.arg)
        self.take()
        if token in _WORDS:
            return _WORDS[token]
        if _INT.fullmatch(token):
            return int(token)
        if _FLOAT.fullmatch(token):
            return math.nan if token == "nan" else float(token)
        self.fail("an argument", token or "the end of the line")
