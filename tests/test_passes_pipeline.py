"""A pipeline verifies its graphs and names the pass that breaks one."""

from dataclasses import dataclass

import pytest

from hptc.errors import VerifyError
from hptc.ir.graph import Graph
from hptc.ir.text import from_text
from passes import PIPELINE, run_passes
from passes.tag_residency import TagResidency
from tests.step_texts import STEP


@dataclass(frozen=True)
class _DropValues:
    name: str = "drop-values"

    def __call__(self, graph: Graph) -> Graph:
        return Graph(graph.phase, (), graph.ops, graph.outputs)


def test_a_pass_that_breaks_a_rule_is_named() -> None:
    with pytest.raises(VerifyError) as caught:
        run_passes(from_text(STEP), [TagResidency(), _DropValues()])
    assert caught.value.__notes__ == ["in pass drop-values, phase full"]


def test_a_broken_graph_is_refused_before_the_first_pass() -> None:
    with pytest.raises(VerifyError) as caught:
        run_passes(_DropValues()(from_text(STEP)), [])
    assert not hasattr(caught.value, "__notes__")


def test_every_pass_is_observed_under_its_name() -> None:
    seen: list[str] = []
    run_passes(from_text(STEP), PIPELINE, lambda name, _: seen.append(name))
    assert seen == [
        "commute-scales",
        "eliminate-common-subexpressions",
        "eliminate-dead-code",
        "sink-views",
        "tag-residency",
        "tag-operands",
        "assign-roles",
        "fuse-chains",
    ]
