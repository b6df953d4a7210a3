"""The reader of the text form of a graph (see `hptc.ir.text` for the grammar)."""

import re
from collections.abc import Callable
from dataclasses import replace

from hptc.ir.dtypes import DType
from hptc.ir.graph import (
    Arg,
    Graph,
    Named,
    Op,
    OperandTag,
    Phase,
    Residency,
    Role,
    Update,
    Value,
    ValueKind,
)
from hptc.ir.text_line import Line


def from_text(text: str) -> Graph:
    """Read a graph from its text form.

    Raises:
        InvalidInputError: The text is no graph; the message names the line.
    """
    body = _Body()
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    header = Line(*lines[0]) if lines else Line(1, "")
    header.expect("graph")
    phase = header.choice(Phase)
    header.expect("{")
    header.end()
    for number, line in lines[1:-1]:
        body.statement(Line(number, line))
    closing = Line(*lines[-1])
    closing.expect("}")
    closing.end()
    return body.graph(phase)


class _Body:
    """The statements read so far."""

    def __init__(self) -> None:
        self._values: list[Value] = []
        self._computed: list[Value] = []
        self._ops: list[Op] = []
        self._updates: list[Update] = []
        self._named: dict[str, list[Named]] = {"gradient": [], "output": []}

    def graph(self, phase: Phase) -> Graph:
        return Graph(
            phase=phase,
            values=(*self._values, *self._computed),
            ops=tuple(self._ops),
            outputs=tuple(self._named["output"]),
            updates=tuple(self._updates),
            gradients=tuple(self._named["gradient"]),
        )

    def statement(self, line: Line) -> None:
        keyword = line.peek()
        if keyword in ("%", "="):
            self._op(line)
        elif keyword in self._named:
            line.take()
            name = line.string()
            line.expect("=")
            self._named[keyword].append(Named(name, line.name()))
        elif line.accept("update"):
            state = line.name()
            line.expect("<-")
            self._updates.append(Update(state, line.name()))
        else:
            self._values.append(_typed(line, line.choice(ValueKind)))
        line.end()

    def _op(self, line: Line) -> None:
        outputs = line.listed("=", lambda: _typed(line, ValueKind.COMPUTED))
        kind = line.word()
        line.expect("(")
        kwargs: list[tuple[str, Arg]] = []
        args: list[Arg] = []
        line.listed(")", lambda: _argument(line, args, kwargs))
        names = tuple(value.name for value in outputs)
        op = Op(names[0] if names else "", kind, tuple(args), names, tuple(kwargs))
        line.expect("{")
        for change in line.listed("}", lambda: _fact(line)):
            op = change(op)
        self._computed.extend(outputs)
        self._ops.append(op)


def _typed(line: Line, kind: ValueKind) -> Value:
    name = line.name()
    line.expect(":")
    dtype = line.choice(DType)
    line.expect("[")
    shape = line.listed("]", line.integer)
    has_residency = line.peek() in {residency.value for residency in Residency}
    return Value(name, shape, dtype, kind, line.choice(Residency) if has_residency else None)


def _argument(line: Line, args: list[Arg], kwargs: list[tuple[str, Arg]]) -> None:
    if line.is_keyword():
        name = line.word()
        line.expect("=")
        kwargs.append((name, line.arg()))
    elif kwargs:
        line.fail("`NAME=` (positional arguments come first)", line.peek())
    else:
        args.append(line.arg())


def _fact(line: Line) -> Callable[[Op], Op]:
    """Read one item of the braces; return what it changes about the operation."""
    token = line.peek()
    if line.is_keyword():
        line.take()
        line.expect("=")
        text = line.string()
        match token:
            case "name":
                return lambda op: replace(op, name=text)
            case "task":
                return lambda op: replace(op, task=text)
            case "source":
                return lambda op: replace(op, source=text)
            case "rows":
                rows, accumulates = _rows(line, text)
                return lambda op: replace(op, rows=rows, accumulates=accumulates)
        line.fail("name=, task=, source= or rows=", token)
    if token in _ROLES:
        line.take()
        return lambda op: replace(op, role=_ROLES[token])
    tag = line.choice(OperandTag)
    return lambda op: replace(op, tag=tag)


def _rows(line: Line, text: str) -> tuple[tuple[int, int], bool]:
    found = re.fullmatch(r"(\d+):(\d+)(\+?)", text)
    if found is None:
        line.fail('rows as "FIRST:STOP" or "FIRST:STOP+"', text)
    return (int(found[1]), int(found[2])), bool(found[3])


_ROLES = {role.value: role for role in Role}
