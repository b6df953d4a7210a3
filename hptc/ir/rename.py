"""Renaming of values wherever a graph refers to them."""

from collections.abc import Mapping
from dataclasses import replace

from hptc.ir.graph import Arg, Graph, Named, Op, Ref, Update


def renamed_inputs(op: Op, names: Mapping[str, str]) -> Op:
    """Return the operation reading other values; names that are not mapped stay.

    >>> renamed_inputs(Op("y", "aten.neg.default", (Ref("a"),), ("y",)), {"a": "b"}).args
    (Ref(ref='b'),)
    """
    if not any(name in names for name in op.inputs):
        return op
    args = tuple(_renamed(arg, names) for arg in op.args)
    kwargs = tuple((key, _renamed(arg, names)) for key, arg in op.kwargs)
    return replace(op, args=args, kwargs=kwargs)


def renamed_results(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Return the graph with other values as outputs, gradients and new state."""
    return replace(
        graph,
        outputs=tuple(Named(o.name, names.get(o.value, o.value)) for o in graph.outputs),
        updates=tuple(Update(u.state, names.get(u.new, u.new)) for u in graph.updates),
        gradients=tuple(Named(g.name, names.get(g.value, g.value)) for g in graph.gradients),
    )


def _renamed(arg: Arg, names: Mapping[str, str]) -> Arg:
    if isinstance(arg, Ref):
        return Ref(names.get(arg.ref, arg.ref))
    if isinstance(arg, tuple):
        return tuple(_renamed(item, names) for item in arg)
    return arg
