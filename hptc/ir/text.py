"""The text form of a graph: `to_text` prints it, `from_text` reads it back unchanged.

    graph low {
      param %w : float32[64,64] static
      batch %x : float32[57,64] transient
      %y : float32[57,64] transient = aten.mm.default(%x, %w) {forward, static, task="t3"}
      update %w <- %w_new
      gradient "w" = %dw
      output "loss" = %loss
    }

Names with other characters than letters, digits and `_./^-` are quoted as in JSON. A list of
arguments is in brackets, an element type is a bare word. `{...}` holds the role, the tag, and
`name` (only if it is not the first output), `task`, `source` and the `rows` of a chunk, first and
stop, with `+` where it accumulates: `rows="0:32+"`.
"""

import json
import re

from hptc.ir.graph import Arg, DTypeArg, Graph, Named, Op, Ref, Value
from hptc.ir.text_parser import from_text

__all__ = ["from_text", "to_text"]

_WORDS = {None: "none", True: "true", False: "false"}
_PLAIN = re.compile(r"[A-Za-z0-9_./^-]+")


def to_text(graph: Graph) -> str:
    """Print a graph whose table of values fits its operations (see `hptc.ir.verify`).

    >>> from hptc.ir.graph import Phase
    >>> print(to_text(Graph(Phase.LOW, (), (), ())), end="")
    graph low {
    }
    """
    lines = [f"{value.kind.value} {_typed(value)}" for value in graph.given]
    lines += [_op(graph, op) for op in graph.ops]
    lines += [f"update {_ref(update.state)} <- {_ref(update.new)}" for update in graph.updates]
    lines += [_named("gradient", named) for named in graph.gradients]
    lines += [_named("output", named) for named in graph.outputs]
    return "\n".join([f"graph {graph.phase.value} {{", *(f"  {line}" for line in lines), "}", ""])


def _op(graph: Graph, op: Op) -> str:
    outputs = ", ".join(_typed(graph.by_name[name]) for name in op.outputs)
    args = [_arg(arg) for arg in op.args]
    args += [f"{_plain(name)}={_arg(arg)}" for name, arg in op.kwargs]
    facts = [op.role.value]
    if op.tag is not None:
        facts.append(op.tag.value)
    if op.outputs[:1] != (op.name,):
        facts.append(f"name={json.dumps(op.name)}")
    if op.task is not None:
        facts.append(f"task={json.dumps(op.task)}")
    if op.rows is not None:
        facts.append(f'rows="{op.rows[0]}:{op.rows[1]}{"+" * op.accumulates}"')
    if op.source:
        facts.append(f"source={json.dumps(op.source)}")
    return f"{outputs} = {_plain(op.kind)}({', '.join(args)}) {{{', '.join(facts)}}}"


def _typed(value: Value) -> str:
    extents = ",".join(str(extent) for extent in value.shape)
    residency = f" {value.residency.value}" if value.residency else ""
    return f"{_ref(value.name)} : {value.dtype.value}[{extents}]{residency}"


def _named(keyword: str, named: Named) -> str:
    return f"{keyword} {json.dumps(named.name)} = {_ref(named.value)}"


def _arg(arg: Arg) -> str:
    match arg:
        case Ref(name):
            return _ref(name)
        case DTypeArg(dtype):
            return dtype.value
        case tuple():
            return f"[{', '.join(_arg(item) for item in arg)}]"
        case str():
            return json.dumps(arg)
        case None | bool():
            return _WORDS[arg]
        case int() | float():
            return repr(arg)


def _ref(name: str) -> str:
    return f"%{_plain(name)}"


def _plain(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name)
