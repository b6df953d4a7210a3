"""`hptc solve` of GraphML and DOT."""

from pathlib import Path

import pytest

from tests.command_line import hptc, refused
from tests.solve_files import solved, write

pytestmark = pytest.mark.filterwarnings("ignore")  # pydot calls what pyparsing deprecates

GRAPHML = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="l" for="graph" attr.name="links" attr.type="string"/>
<key id="x" for="node" attr.name="cost_x" attr.type="long"/>
<key id="c" for="node" attr.name="cost" attr.type="string"/>
<key id="b" for="edge" attr.name="bytes" attr.type="long"/>
<graph edgedefault="directed">
<data key="l">[{"src": "x", "dst": "y", "bw_bytes_per_ns": 1, "latency_ns": 1}]</data>
<node id="a"><data key="x">3</data></node>
<node id="b"><data key="c">{"y": 5}</data></node>
<edge source="a" target="b"><data key="b">4</data></edge>
</graph></graphml>
"""


def test_graphml_is_read_through_networkx(tmp_path: Path) -> None:
    found = solved(write(tmp_path, GRAPHML, "g.graphml"))
    assert (found["makespan_ns"], found["status"]) == (3 + 5 + 5, "optimal")
    assert [(row["src"], row["dst"]) for row in found["transfers"]] == [("a", "b")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "GraphML"),
        ("<graphml/>", "GraphML"),
        (GRAPHML[:-40], "GraphML"),
        (GRAPHML.replace("directed", "undirected"), "a directed graph"),
        (GRAPHML.replace(">3<", ">x<"), "GraphML"),
        (GRAPHML.replace(">3<", ">-3<"), "-3"),
        (GRAPHML.replace('"y", "bw', '"z", "bw'), "'z'"),
        (GRAPHML.replace('{"y": 5}', "none"), "'y'"),
        (GRAPHML.replace('node id="b"', 'node id="a"'), "'a' again"),
        (GRAPHML.replace("</graphml>", '<graph edgedefault="directed"/></graphml>'), "one graph"),
    ],
)
def test_malformed_graphml_is_refused(tmp_path: Path, text: str, word: str) -> None:
    refused(hptc("solve", write(tmp_path, text, "g.graphml")), 3, word)


DOT = """digraph {
  links="[{\\"src\\": 0, \\"dst\\": 1, \\"bw_bytes_per_ns\\": 1, \\"latency_ns\\": 1}]";
  a [cost_x=3]; "b c" [cost_y=5];
  edge [bytes=4];
  a -> "b c";
}
"""


IN_GRAPH = DOT.replace("links=", "graph [links=").replace('}]";', '}]"];')


@pytest.mark.parametrize("text", [DOT, IN_GRAPH])
def test_dot_is_read_through_networkx(tmp_path: Path, text: str) -> None:
    found = solved(write(tmp_path, text, "g.dot"))
    assert (found["makespan_ns"], found["assignment"][1]["task"]) == (13, "b c")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "one graph in DOT"),
        ("digraph {", "one graph in DOT"),
        ("digraph {} digraph {}", "one graph in DOT"),
        ("graph { a -- b }", "directed"),
        ("digraph {" + "subgraph {" * 900 + "}" * 901, "g.dot"),
        ("digraph { subgraph cluster { a [cost_x=3] } }", "subgraphs"),
        ("digraph { a [cost_x=1e15] }", "attributes with values"),
        ("digraph { a -> a [bytes=3 x]; }", "attributes with values"),
        ('digraph { a [cost="[3]", cost_x=3] }', "one of cost and cost_DEVICE"),
        ('digraph { devices="[0]"; a [cost_x=3, modes="[]"] }', "g.dot"),
    ],
)
def test_malformed_dot_is_refused(tmp_path: Path, text: str, word: str) -> None:
    refused(hptc("solve", write(tmp_path, text, "g.dot")), 3, word)
