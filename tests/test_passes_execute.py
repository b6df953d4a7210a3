"""Every pass, on random step graphs that are executed: the same results, and nothing left to do."""

import pytest
import torch
from hypothesis import given, settings

from hptc.ir.graph import Graph
from hptc.ir.text import from_text, to_text
from passes import PIPELINE, Pass, run_passes
from tests.random_steps import results, steps


def check(before: Graph, after: Graph) -> None:
    expected, found = results(before), results(after)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-12, equal_nan=True)


def earlier(step: Pass) -> list[Pass]:
    return list(PIPELINE[: PIPELINE.index(step)])


@pytest.mark.parametrize("step", PIPELINE, ids=lambda step: step.name)
@settings(max_examples=25)
@given(steps())
def test_a_pass_keeps_results_and_is_done_after_one_run(step: Pass, graph: Graph) -> None:
    before = run_passes(graph, earlier(step))
    after = run_passes(before, [step])
    check(before, after)
    assert step(after) == after


@settings(max_examples=60)
@given(steps())
def test_the_pipeline_keeps_results_and_its_graph_is_printed_and_read_back(graph: Graph) -> None:
    after = run_passes(graph, PIPELINE)
    check(graph, after)
    assert from_text(to_text(after)) == after
