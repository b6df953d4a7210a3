"""Multiply-accumulates per tag, in `full` and in each form of `low`: capture and passes alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from benchmarks.applications.models import HEADS, SWE, EncoderLayer, Size, build
from hptc.frontend.adapter_options import parse_adapter
from hptc.frontend.capture import Selection, capture
from hptc.frontend.recipe import Recipe
from hptc.frontend.torch import Model, load_module
from hptc.ir.graph import Graph, OperandTag, Phase, ValueKind
from hptc.ir.ops import macs
from passes import PIPELINE, run_passes

BERT = Size(128, 768, 768, 1, 12, 4, (), ())
"""One layer of BERT base, with 128 tokens; its GELU for a ReLU is no contraction."""
BERT_BATCH = 8


@dataclass(frozen=True, slots=True)
class Work:
    """One model in `full`, or in one form of `low`."""

    model: str
    form: str
    ops: int
    trained: int
    """Trained elements."""
    added: int
    """Frozen elements that the form adds, counted from shapes."""
    macs: dict[str, int]
    """By operand tag; `folded` once per phase, the others at every step."""

    @property
    def per_step(self) -> int:
        """Return the multiply-accumulates of a step."""
        return sum(self.macs.values()) - self.macs[OperandTag.FOLDED.value]


@dataclass(frozen=True, slots=True)
class _Subject:
    name: str
    model: Model
    kept: Selection
    """What stays trained in `low` beside the form's own parts."""


def work_tables(forms: Sequence[str]) -> Iterator[Work]:
    """Yield the work of both models in `full` and in each form with its default options.

    In `low` the SWE model keeps its heads trained, as HpT does.
    """
    for subject in (_bert(), _swe()):
        yield _work(subject, Phase.FULL, forms[0])
        for form in forms:
            yield _work(subject, Phase.LOW, form)


def _bert() -> _Subject:
    torch.manual_seed(0)
    x = torch.randn(BERT_BATCH, BERT.stations, BERT.d_model)
    model = load_module(EncoderLayer(BERT, dropout=0.0).eval(), (x,))
    return _Subject("bert layer", model, Selection())


def _swe() -> _Subject:
    case = build(SWE, SWE.paper)
    return _Subject("swe", load_module(case.model, case.inputs), Selection(train=HEADS))


def _work(subject: _Subject, phase: Phase, form: str) -> Work:
    captured = capture(subject.model, (phase,), Recipe(), parse_adapter(form), subject.kept)
    graph = run_passes(captured.graphs[phase], PIPELINE)
    parameters = {v.name: v.numel for v in graph.values if v.kind is ValueKind.PARAMETER}
    trained = {name: parameters[name] for name in graph.trained}
    own = parameters.keys() & captured.weights.keys()
    added = parameters.keys() - own - trained.keys()
    return Work(
        model=subject.name,
        form=form if phase is Phase.LOW else "full",
        ops=len(graph.ops),
        trained=sum(trained.values()),
        added=sum(parameters[name] for name in added),
        macs=macs_by_tag(graph),
    )


def macs_by_tag(graph: Graph) -> dict[str, int]:
    """Return the multiply-accumulates of a tagged graph by operand tag."""
    found = {tag.value: 0 for tag in OperandTag}
    for op in graph.ops:
        if op.tag is not None:
            found[op.tag.value] += macs(graph, op)
    return found
