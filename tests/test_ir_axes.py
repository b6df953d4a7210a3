"""What operations declare of their axes, checked by executing them whole and in chunks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from hptc.ir.axes import Accumulate, Flow, Loop, Rows, labels, loop, streams
from hptc.ir.graph import Phase
from tests.chunked import Float, Index, Mask, agrees, declared_loops, make, operands
from tests.evaluate import captured
from tests.models import Block

CONV = ((1, 1), (1, 1), (1, 1), False, (0, 0))
DECONV = ((2, 2), (0, 0), (1, 1), True, (0, 0))
X, X2 = Float((4, 3, 6, 5)), Float((4, 3, 6, 5))
C, ROW = Float((3,)), Float((4, 6))
ALL = (True, True, True)

CASES = [
    # contractions
    ("mk,kn->mn", "mm.default", Float((4, 3)), Float((3, 5))),
    ("bmk,bkn->bmn", "bmm.default", Float((2, 4, 3)), Float((2, 3, 5))),
    ("n,m.,.n->mn", "addmm.default", Float((5,)), Float((4, 3)), Float((3, 5))),
    ("m.,m.,.n->mn", "addmm.default", Float((4, 1)), Float((4, 3)), Float((3, 5))),
    ("mn,bm.,b.n->bmn", "baddbmm.default", Float((4, 5)), Float((2, 4, 3)), Float((2, 3, 5))),
    ("mk,k->m", "mv.default", Float((4, 3)), Float((3,))),
    ("k,k->", "dot.default", Float((3,)), Float((3,))),
    ("nc..,oc..->no..", "convolution.default", X, Float((6, 3, 3, 3)), None, *CONV, 1),
    ("n...,o...,o->no..", "convolution.default", X, Float((6, 3, 3, 3)), Float((6,)), *CONV, 1),
    ("n...,....,.->n...", "convolution.default", X, Float((6, 1, 3, 3)), Float((6,)), *CONV, 3),
    ("nc..,co..->no..", "convolution.default", X, Float((3, 6, 2, 2)), None, *DECONV, 1),
    ("no..,nc..,oc..->nc..", "convolution_backward.default",
     Float((4, 6, 6, 5)), X, Float((6, 3, 3, 3)), (6,), *CONV, 1, (True, False, False)),
    ("no..,nc..,oc..->oc..", "convolution_backward.default",
     Float((4, 6, 6, 5)), X, Float((6, 3, 3, 3)), (6,), *CONV, 1, (False, True, False)),
    ("no..,n...,o...->n...,o...,o", "convolution_backward.default",
     Float((4, 6, 6, 5)), X, Float((6, 3, 3, 3)), (6,), *CONV, 1, ALL),
    ("n...,n...,....->n...,....", "convolution_backward.default",
     Float((4, 6, 6, 5)), X, Float((6, 1, 3, 3)), (6,), *CONV, 3, (True, True, False)),
    ("no..,nc..,co..->co..", "convolution_backward.default",
     Float((4, 6, 12, 10)), X, Float((3, 6, 2, 2)), (6,), *DECONV, 1, (False, True, False)),
    # look-ups
    (".z,ab->abz", "embedding.default", Float((7, 3)), Index((4, 5))),
    ("abz,ab->.z", "embedding_dense_backward.default",
     Float((4, 5, 3)), Index((4, 5)), 7, -1, False),
    ("..z,..->.z", "embedding_dense_backward.default",
     Float((4, 5, 3)), Index((4, 5)), 7, -1, True),
    ("a.,ab->ab", "gather.default", Float((4, 3)), 1, Index((4, 5))),
    ("->all", "gather.default", Float((6, 3)), 1, Index((4, 5))),
    ("a.c,z->azc", "index_select.default", Float((4, 3, 5)), 1, Index((6,))),
    (".bc,zy->zybc", "index.Tensor", Float((7, 3, 2)), (Index((4, 5)),)),
    ("a.c,z->azc", "index.Tensor", Float((4, 3, 5)), (None, Index((6,)))),
    (".b.d,z,z->zbd", "index.Tensor",
     Float((4, 3, 5, 2)), (Index((6,)), None, Index((6,)))),
    ("..c,zy,.y->zyc", "index.Tensor", Float((4, 3, 5)), (Index((6, 2)), Index((1, 2)))),
    ("->all", "index.Tensor", Float((4, 3)), (Mask((4,)),)),
    ("a.,a.,a.->a.", "scatter_add.default", Float((4, 3)), 1, Index((4, 5)), Float((4, 5))),
    ("a.,a.->a.", "scatter.value", Float((4, 3)), 1, Index((4, 5)), 2.0),
    (".b,.,.b->.b", "index_put.default", Float((7, 3)), (Index((4,)),), Float((4, 3)), True),
    # norms
    ("ab.,,->ab.,ab.,ab.", "native_layer_norm.default",
     Float((4, 5, 3)), (3,), C, C, 1e-5),
    ("ab.,ab.,ab.,ab.,,->ab.,,", "native_layer_norm_backward.default", Float((4, 5, 3)),
     Float((4, 5, 3)), (3,), Float((4, 5, 1)), Float((4, 5, 1)), C, C, ALL),
    ("n...,,->n...,n.,n.", "native_group_norm.default",
     Float((4, 6, 2, 2)), Float((6,)), Float((6,)), 4, 6, 4, 3, 1e-5),
    ("n...,n...,n.,n.,->n...,,", "native_group_norm_backward.default", Float((4, 6, 2, 2)),
     Float((4, 6, 2, 2)), Float((4, 3)), Float((4, 3)), Float((6,)), 4, 6, 4, 3, ALL),
    ("ncde,c,c,c,c->ncde,c,c", "_native_batch_norm_legit_no_training.default",
     X, C, C, C, C, 0.1, 1e-5),
    (".c..,c,c,c,c->.c..,c,c,c,c", "_native_batch_norm_legit_functional.default",
     X, C, C, C, C, True, 0.1, 1e-5),
    ("ncde,ncde,c,c,c->ncde,c,c", "native_batch_norm_backward.default",
     X, X2, C, C, C, None, None, False, 1e-5, ALL),
    (".c..,.c..,c,c,c,c,c->.c..,c,c", "native_batch_norm_backward.default",
     X, X2, C, C, C, C, C, True, 1e-5, ALL),
    # element by element
    ("ab,.b->ab", "add.Tensor", Float((4, 3)), Float((1, 3))),
    ("ab,b->ab", "mul.Tensor", Float((4, 3)), Float((3,))),
    ("a.,.b->ab", "sub.Tensor", Float((4, 1)), Float((1, 3))),
    ("abc,bc,->abc", "where.self", Mask((2, 4, 3)), Float((4, 3)), Float(())),
    ("ab,ab->ab", "maximum.default", Float((4, 3)), Float((4, 3))),
    ("ab,b->ab", "max.other", Float((4, 3)), Float((3,))),
    ("a.cd,->a.cd", "prelu.default", Float((4, 3, 2, 3)), Float((3,))),
    ("ab.->ab.", "glu.default", Float((4, 3, 6)), -1),
    ("ab.,ab.->ab.", "glu_backward.default", Float((4, 3, 3)), Float((4, 3, 6)), -1),
    ("a..->a..", "tril.default", Float((4, 3, 6))),
    ("ab->ab", "full_like.default", Float((4, 3)), 1),
    # along axes
    ("ab.->ab.", "_softmax.default", Float((4, 3, 6)), -1, False),
    ("a.c,a.c->a.c", "_log_softmax_backward_data.default",
     Float((4, 3, 6)), Float((4, 3, 6)), 1, torch.float64),
    ("a.c->a.c", "cumsum.default", Float((4, 3, 6)), 1),
    ("ab.->ab.,ab.", "sort.default", Float((4, 3, 6)), -1),
    ("ab.->ab.,ab.", "topk.default", Float((4, 3, 6)), 2),
    ("a.c,a.c->a.c", "cat.default", (Float((4, 3, 6)), Float((4, 2, 6))), 1),
    ("ab,ab->a.b", "stack.default", (Float((4, 3)), Float((4, 3))), 1),
    ("a.->a.", "flip.default", Float((4, 3)), (1,)),
    ("a.->a.", "roll.default", Float((4, 3)), (1,), (1,)),
    ("..->..", "roll.default", Float((4, 3)), (1,)),
    ("a.c->a.c", "constant_pad_nd.default", Float((4, 3, 5)), (0, 0, 1, 2)),
    ("ab..->ab..,ab..", "max_pool2d_with_indices.default", X, (2, 2)),
    ("ab..->ab..", "avg_pool2d.default", X, (2, 2)),
    ("ab..->ab..", "upsample_nearest2d.default", X, (12, 10)),
    ("a...,a...->a...", "grid_sampler_2d.default",
     X, Float((4, 3, 2, 2)), 0, 0, False),
    ("ab...->ab...", "pixel_shuffle.default", Float((2, 3, 4, 2, 2)), 2),
    # reductions
    ("abc->ac", "sum.dim_IntList", Float((4, 3, 6)), (1,)),
    ("abc->a.c", "mean.dim", Float((4, 3, 6)), (1,), True),
    ("abc->", "mean.default", Float((4, 3, 6))),
    ("abc->b", "amax.default", Float((4, 3, 6)), (0, -1)),
    ("a.c->ac", "argmax.default", Float((4, 3, 6)), 1),
    ("a.c->ac,ac", "max.dim", Float((4, 3, 6)), 1),
    ("abc->ab", "any.dim", Mask((4, 3, 6)), 2),
    ("abc->", "all.default", Mask((4, 3, 6))),
    ("a.c->ac", "var.correction", Float((4, 3, 6)), (1,)),
    ("a..->a", "linalg_vector_norm.default", Float((4, 3, 6)), 2.0, (1, 2)),
    ("a.c->ac,ac", "kthvalue.default", Float((4, 3, 6)), 1, 1),
    # losses by class
    ("a.,a->a,", "nll_loss_forward.default", Float((4, 3)), Index((4,)), None, 0, -100),
    ("a.cd,acd,->,", "nll_loss2d_forward.default", X, Index((4, 6, 5)), C, 2, 0),
    ("->all", "nll_loss_forward.default", Float((4, 3)), Index((4,)), None, 1, -100),
    (",a.,a,->a.", "nll_loss_backward.default",
     Float(()), Float((4, 3)), Index((4,)), None, 1, 0, Float(())),
    ("acd,a.cd,acd,,->a.cd", "nll_loss2d_backward.default",
     Float((4, 6, 5)), X, Index((4, 6, 5)), C, 0, -100, Float(())),
    # views
    ("abc->cab", "permute.default", Float((4, 3, 6)), (2, 0, 1)),
    ("ab->ba", "t.default", Float((4, 3))),
    ("a.c->a.c", "expand.default", Float((4, 1, 6)), (4, 3, 6)),
    ("ab->.ab", "expand.default", Float((4, 6)), (2, 4, 6)),
    ("ab->a.b", "unsqueeze.default", Float((4, 6)), 1),
    ("a.c->ac", "squeeze.dims", Float((4, 1, 6)), (1,)),
    (".bc->.bc", "squeeze.dims", Float((4, 3, 6)), (0,)),  # a chunk of one row would lose it
    ("->all", "squeeze.default", Float((4, 6))),
    ("mk,kn->mn", "mm.default", Float((4, 3)), Float((3, 0))),
    ("a.,a.,a.->a.", "cat.default", (Float((4, 3)), Float((4, 0)), Float((4, 2))), 1),
    ("a.c->ac", "select.int", Float((4, 3, 6)), 1, -1),
    ("a.->a.", "slice.Tensor", Float((4, 6)), 1, 2, 5),
    ("ab->ab", "slice.Tensor", Float((4, 6)), 0, 0, 2**63 - 1),
    ("a.->a.,a.,a.", "split.Tensor", Float((4, 6)), 2, 1),
    ("a.c->ac,ac,ac", "unbind.int", Float((4, 3, 6)), 1),
    ("a.->a..", "unfold.default", Float((4, 6)), 1, 3, 2),
    ("->all", "diagonal.default", Float((4, 4))),
    ("ab.->.ab.", "repeat.default", Float((4, 3, 6)), (2, 1, 1, 2)),
    ("ab->a.b", "select_backward.default", Float((4, 3)), (4, 5, 3), 1, 2),
    ("a.->a.", "slice_backward.default", Float((4, 3)), (4, 6), 1, 0, 3, 1),
    ("a.c,ac->a.c", "select_scatter.default", Float((4, 3, 6)), Float((4, 6)), 1, 0),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "kind", "args"), [(c[0], c[1], c[2:]) for c in CASES])
def test_chunks_give_what_the_whole_gives(
    expected: str, kind: str, args: tuple[object, ...]
) -> None:
    torch.manual_seed(0)
    graph, data = make(f"aten.{kind}", *args)
    op = graph.ops[0]
    found = labels(graph, op)
    spelled = f"{','.join(found.operands)}->{','.join(found.outputs)}" if found else "->all"
    assert spelled == expected
    for position, rows, way in declared_loops(graph, op):
        count = rows.count(graph.values[position])
        assert agrees(op, way, data, count, 1), (position, rows)


def test_a_wrong_map_is_found_out() -> None:
    graph, data = make("aten._softmax.default", Float((4, 3)), 1, False)
    assert not agrees(graph.ops[0], Loop((Rows(1),), (Rows(1),)), data, 3, 1)
    graph, data = make("aten.mm.default", Float((4, 3)), Float((3, 4)))
    assert not agrees(graph.ops[0], Loop((Rows(0), None), (Rows(1),)), data, 4, 1)
    assert not agrees(graph.ops[0], Loop((Rows(0), None), (Accumulate.SUM,)), data, 4, 1)


SHAPES = st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4).map(tuple)


@given(SHAPES, st.data())
def test_rows_are_followed_through_any_reshape(shape: tuple[int, ...], draw: st.DataObject) -> None:
    factors = draw.draw(st.permutations([n for n in (2, 3, 4) for _ in range(shape.count(n))]))
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(factors)), max_size=3)))
    bounds = list(zip([0, *cuts], [*cuts, len(factors)], strict=True))
    new = tuple(int(torch.tensor([1, *factors[a:b]]).prod()) for a, b in bounds)
    graph, data = make("aten.reshape.default", Float(shape), new)
    for position, rows, way in declared_loops(graph, graph.ops[0]):
        count = rows.count(graph.values[position])
        assert agrees(graph.ops[0], way, data, count, draw.draw(st.integers(1, count - 1)))
        (there,) = way.writes
        assert isinstance(there, Rows)
        back, seen = make("aten.reshape.default", Float(new), shape)
        again = loop(back, back.ops[0], 0, there)
        assert again is not None
        assert again.writes == (rows,)
        assert agrees(back.ops[0], again, seen, count, 1)


@given(SHAPES, st.data())
def test_rows_are_followed_through_any_broadcast(
    shape: tuple[int, ...], draw: st.DataObject
) -> None:
    cut = draw.draw(st.integers(0, len(shape) - 1))
    other = tuple(draw.draw(st.sampled_from([1, extent])) for extent in shape[cut:])
    first, second = draw.draw(st.permutations([shape, other]))
    graph, data = make("aten.add.Tensor", Float(first), Float(second))
    found = declared_loops(graph, graph.ops[0])
    assert len(found) == sum(extent > 1 for extent in shape + other)
    for position, rows, way in found:
        assert agrees(graph.ops[0], way, data, rows.count(graph.values[position]), 1)


class Mixed(nn.Module):
    """What the reference models are made of, and statistics of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.block = Block("causal")
        self.conv = nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.ReLU())
        self.group = nn.GroupNorm(3, 6)

    def forward(self, tokens: Tensor) -> Tensor:
        y: Tensor = self.group(self.conv(self.block(self.embed(tokens))))
        return torch.cat([y.amax(2), y.mean(2)], 1)


def test_the_operations_of_a_whole_step_are_what_they_declare() -> None:
    torch.manual_seed(0)
    model, tokens = Mixed().double(), torch.randint(0, 9, (3, 4))
    step = captured(model, [tokens], Phase.FULL).step(
        Phase.FULL, [tokens], target=torch.rand(3, 12, dtype=torch.float64)
    )
    checked = 0
    for op in step.graph.ops:
        for position, rows, way in declared_loops(step.graph, op):
            operand = operands(op)[position]
            count = rows.count(step.graph.by_name[operand])
            assert agrees(op, way, step.values, count, 1), (op.name, op.kind, position, rows)
            checked += 1
    assert checked > len(step.graph.ops)
    passed = streams(step.graph, {"in_0": Rows(0), "target": Rows(0)})
    stops = {
        op.kind for op in step.graph.ops if op.name in passed and passed[op.name].flow is Flow.ALL
    }
    assert stops == {
        "aten._native_batch_norm_legit_functional.default",
        "aten.native_batch_norm_backward.default",
    }
