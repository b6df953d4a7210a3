"""Task graphs that other tools write: GraphML and DOT, through networkx.

What a graph holds becomes the JSON form: attributes of the graph are its keys (`devices`, `links`,
...), those of a node the keys of a task (`cost`, `name`, ..., or `cost_DEVICE` for one device) and
those of an edge the keys of an edge (`bytes`, 0 where it is missing). An attribute that is text and
reads as JSON is taken as that. GraphML keeps defaults of nodes as `node_default`, DOT as `node`.
"""

import json
from collections import ChainMap, Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, fromstring

import networkx as nx

from hptc.partition.files.json_reader import malformed

COST = "cost_"
"""Before the name of a device: the attribute of a node with its cost there."""


def graph_data(path: Path, text: str) -> dict[str, Any]:
    """Return the problem of a graph as the JSON form has it.

    Raises:
        ProblemError: the file is no directed graph in the form that its name tells.
    """
    graph = _graphml(path, text) if path.suffix.lower() == ".graphml" else _dot(path, text)
    if not graph.is_directed():
        raise malformed(path, "a directed graph", "an undirected one")
    own = graph.graph
    top = {key: _plain(value) for key, value in {**own, **_record(own.get("graph"))}.items()}
    nodes, lines = (
        _record(own.get(f"{of}_default")) | _record(own.get(of)) for of in ("node", "edge")
    )
    tasks = [_task(path, node, {**nodes, **found}) for node, found in graph.nodes(data=True)]
    named = dict.fromkeys(name for task in tasks for name in _record(task.get("cost")))
    edges = [_edge(src, dst, {**lines, **found}) for src, dst, found in graph.edges(data=True)]
    defaults = {"devices": list(named), "links": []}
    return defaults | top | {"tasks": tasks, "edges": edges}


def _graphml(path: Path, text: str) -> Any:
    try:
        found = nx.parse_graphml(text)
    except (ParseError, nx.NetworkXError, ValueError, KeyError, TypeError) as error:
        raise malformed(path, "GraphML", f"{type(error).__name__}: {error}") from None
    pieces = [(piece.tag.rpartition("}")[2], piece.get("id")) for piece in fromstring(text).iter()]
    graphs = sum(tag == "graph" for tag, _ in pieces)
    if graphs != 1:  # networkx reads the first
        raise malformed(path, "one graph in GraphML", graphs)
    for name, times in Counter(name for tag, name in pieces if tag == "node").items():
        if times > 1:  # networkx makes one of them
            raise malformed(path, "ids of nodes used once", f"{name!r} again")
    return found


def _dot(path: Path, text: str) -> Any:
    import pydot  # which takes 0.1 s

    try:
        with redirect_stdout(StringIO()):  # where pydot prints what it does not understand
            (graph,) = pydot.graph_from_dot_data(text) or []
            found = nx.nx_pydot.from_pydot(graph)
    except (TypeError, IndexError, ValueError, RecursionError, nx.NetworkXError):
        raise malformed(path, "one graph in DOT", repr(text.strip()[:40])) from None
    if graph.get_subgraphs():
        raise malformed(path, "DOT without subgraphs", graph.get_subgraphs()[0].get_name())
    records = (record for *_, record in (*found.nodes(data=True), *found.edges(data=True)))
    for key in (key for record in records for key, value in record.items() if value is None):
        raise malformed(path, "attributes with values (1e15 is two words in DOT)", key)
    found.graph["graph"] = dict(ChainMap(graph.get_attributes(), *graph.get_graph_defaults()))
    return found


def _task(path: Path, node: object, attributes: Mapping[str, object]) -> dict[str, Any]:
    record = _plain_record(attributes)
    costs = {key[len(COST) :]: cost for key, cost in record.items() if key.startswith(COST)}
    rest = {key: value for key, value in record.items() if not key.startswith(COST)}
    name = _plain_name(node)
    if costs and "cost" in rest:
        raise malformed(f"{path}: task {name!r}", f"one of cost and {COST}DEVICE", "both")
    if costs or "modes" not in rest:
        rest = {"cost": costs} | rest
    return rest | {"id": name}


def _edge(src: object, dst: object, attributes: Mapping[str, object]) -> dict[str, Any]:
    return (
        {"bytes": 0}
        | _plain_record(attributes)
        | {"src": _plain_name(src), "dst": _plain_name(dst)}
    )


def _plain_record(attributes: Mapping[str, object]) -> dict[str, Any]:
    return {_plain_name(key): _plain(value) for key, value in attributes.items()}


def _record(raw: object) -> dict[str, Any]:
    """Return what is a mapping, and nothing of all else."""
    return dict(raw) if isinstance(raw, Mapping) else {}


def _plain_name(name: object) -> str:
    """Return a name without the quotes of DOT."""
    text = str(name)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _plain(value: object) -> object:
    """Return what an attribute holds, read as JSON where it can be."""
    if not isinstance(value, str):
        return value
    text = _plain_name(value).replace('\\"', '"')
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
