"""A schedule computes what plain torch computes, and only what it schedules."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from hptc.errors import InvalidInputError, UnsupportedOpError, UsageError, VerifyError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, DTypeArg, Graph, Named, Op, Phase, Ref, Update, ValueKind
from hptc.ir.tasks import tasks_of
from hptc.runtime.execute import Machine
from hptc.runtime.kernels import aten_function, compile_kernel
from hptc.schedule.build import build_schedule
from hptc.schedule.model import Instruction, Schedule
from hptc.schedule.pose import pose
from tests import schedule_examples as ex
from tests.schedule_examples import batch, state


def torch_steps(steps: int) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Losses and final bias and momentum of the same steps in eager torch."""
    held = state()
    bias = held["b"].requires_grad_()
    optimizer = torch.optim.SGD([bias], lr=0.1, momentum=0.9)
    losses = []
    for seed in range(steps):
        data = batch(seed)
        optimizer.zero_grad()
        output = torch.nn.functional.linear(data["x"], held["w0"], bias)
        loss = torch.nn.functional.mse_loss(output, data["target"])
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        optimizer.step()
        losses.append(loss.detach())
    return losses, {"b": bias.detach(), "m": optimizer.state[bias]["momentum_buffer"]}


@pytest.mark.parametrize("placement", list(product(ex.DEVICES, *[("gpu", "sys")] * 3)))
def test_every_placement_trains_like_torch(placement: tuple[str, ...]) -> None:
    devices = dict(zip((task.name for task in ex.TASKS), placement, strict=True))
    schedule = ex.scheduled(devices)
    machine = Machine(ex.STEP, schedule)
    machine.enter(state())
    losses, after = torch_steps(3)
    for seed, loss in enumerate(losses):
        result = machine.step(batch(seed))
        torch.testing.assert_close(result.outputs["loss"], loss)
        assert result.outputs["output"].shape == (ex.ROWS, ex.UNITS)
        assert result.instructions == len(schedule.step)
    left = machine.leave()
    assert left.keys() == after.keys()
    for name, expected in after.items():
        torch.testing.assert_close(left[name], expected)


def test_watched_values() -> None:
    machine = Machine(ex.STEP, ex.scheduled(ex.HYBRID))
    machine.enter(state())
    result = machine.step(batch(0), watch=("g_b", "w0_t", "sq", "x", "b"))
    watched = result.watched
    torch.testing.assert_close(watched["sq"].mean(), result.outputs["loss"])
    torch.testing.assert_close(watched["w0_t"], state()["w0"].T)
    torch.testing.assert_close(watched["x"], batch(0)["x"])
    torch.testing.assert_close(watched["b"], torch.zeros(2))  # as the step found it
    output = batch(0)["x"] @ state()["w0"].T
    torch.testing.assert_close(watched["g_b"], (output - batch(0)["target"]).sum(0) / 4)


Change = Callable[[Instruction], bool]


def without(unwanted: Change) -> Schedule:
    schedule = ex.scheduled(ex.HYBRID)
    return replace(
        schedule,
        prologue=tuple(i for i in schedule.prologue if not unwanted(i)),
        step=tuple(i for i in schedule.step if not unwanted(i)),
    )


@pytest.mark.parametrize(
    ("label", "match"),
    [
        ("TRANSFER h", "EXEC loss .* expected h on gpu, found it absent"),
        ("TRANSFER b", "EXEC linear .* expected b on xbar"),
        ("FOLD", "EXEC linear .* expected w0_t on xbar"),
        ("PROGRAM", "EXEC linear .* expected xbar/w0 programmed"),
        ("EXEC backward", "TRANSFER g_b .* expected g_b on sys"),
        ("EXEC optimizer", "end of the step on gpu: expected b_new"),
    ],
)
def test_the_schedule_is_what_runs(label: str, match: str) -> None:
    machine = Machine(ex.STEP, without(lambda i: i.label.startswith(label)))
    machine.enter(state())
    with pytest.raises(VerifyError, match=match):
        machine.step(batch(0))
    assert machine.leave().keys() == {"b", "m"}


def test_freed_values_are_gone() -> None:
    schedule = ex.scheduled(ex.HYBRID)
    (free,) = (i for i in schedule.step if i.label.startswith("FREE h"))
    twice = Machine(ex.STEP, replace(schedule, step=(*schedule.step, free)))
    twice.enter(state())
    with pytest.raises(VerifyError, match=r"FREE h .* expected h on gpu, found it absent"):
        twice.step(batch(0))


def test_a_failed_step_leaves_the_state() -> None:
    machine = Machine(ex.STEP, ex.scheduled(ex.HYBRID))
    machine.enter(state())
    machine.step(batch(0))
    before = machine.leave()
    with pytest.raises(InvalidInputError):
        machine.step({})
    after = machine.leave()
    assert all(torch.equal(before[name], after[name]) for name in before)
    machine.step(batch(1))


def test_nothing_is_shared_with_the_caller() -> None:
    machine = Machine(ex.STEP, ex.scheduled(ex.HYBRID))
    given, data = state(), batch(0)
    machine.enter(given)
    first = machine.step(data)
    for tensor in (*given.values(), *first.outputs.values(), *machine.leave().values()):
        tensor.fill_(7.0)
    losses, _ = torch_steps(2)
    torch.testing.assert_close(machine.step(batch(1)).outputs["loss"], losses[1])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"x": torch.zeros(5, ex.FEATURES)},
            r"input x: expected float32\[4, 3\], found float32\[5",
        ),
        ({"lr": torch.tensor(1)}, r"input lr: expected float32\[\], found int64\[\]"),
        ({"y": torch.tensor(1)}, "input y: expected one of x, target, lr"),
    ],
)
def test_wrong_inputs_are_named(change: Mapping[str, Tensor], match: str) -> None:
    machine = Machine(ex.STEP, ex.scheduled(ex.HYBRID))
    machine.enter(state())
    with pytest.raises(InvalidInputError, match=match) as caught:
        machine.step({**batch(0), **change})
    assert caught.value.exit_code == 3


def test_wrong_state_is_named() -> None:
    machine = Machine(ex.STEP, ex.scheduled(ex.HYBRID))
    with pytest.raises(UsageError, match="a phase that was entered"):
        machine.step(batch(0))
    with pytest.raises(InvalidInputError, match=r"input m: .* found none"):
        machine.enter({name: tensor for name, tensor in state().items() if name != "m"})
    machine.enter(state() | {"unused": torch.zeros(1)})
    with pytest.raises(UsageError, match="watch ghost"):
        machine.step(batch(0), watch=("ghost",))


def test_rows_that_no_operation_works_on_are_refused() -> None:
    schedule = ex.scheduled(ex.HYBRID)
    tiled = tuple(replace(i, rows=(0, 2)) if i.task == "loss" else i for i in schedule.step)
    with pytest.raises(
        VerifyError, match=r"EXEC loss .* expected all rows, found an EXEC of rows 0 to 1"
    ):
        Machine(ex.STEP, replace(schedule, step=tiled))


@pytest.mark.parametrize(
    "kind",
    [
        "aten.add_.Tensor",
        "aten.nonsense.default",
        "aten.add.Nonsense",
        "os.system.default",
        "mm",
        "aten.from_file.default",
    ],
)
def test_only_pure_aten_overloads_run(kind: str) -> None:
    with pytest.raises(UnsupportedOpError, match=kind):
        aten_function(kind)


def run(op: Op, memory: dict[str, Tensor]) -> dict[str, Tensor]:
    compile_kernel(op).run(memory)
    return memory


def test_kernels_build_nested_and_typed_arguments() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    cat = Op("c", "aten.cat.default", ((Ref("x"), Ref("x")), 1), ("c",))
    assert torch.equal(run(cat, {"x": x})["c"], torch.cat([x, x], 1))
    index = Op("i", "aten.index.Tensor", (Ref("x"), (None, Ref("k"))), ("i",))
    picked = run(index, {"x": x, "k": torch.tensor([2, 0])})["i"]
    assert torch.equal(picked, x[:, [2, 0]])
    full = ex.op("f", "aten.full.default", (2,), float("-inf"), task=None)
    full = replace(full, kwargs=(("dtype", DTypeArg(DType.FLOAT64)),))
    assert run(full, {})["f"].dtype == torch.float64
    split = Op("s", "aten.split.Tensor", (Ref("x"), 2, 1), ("s0", "s1"))
    assert run(split, {"x": x})["s1"].shape == (2, 1)


def test_norms_and_losses_take_operands_of_any_strides() -> None:
    x, dy = (torch.randn(4, 6, 8, 10, dtype=torch.float64) for _ in range(2))
    mean, scale = torch.randn(4, 2), torch.randn(6, dtype=torch.float64)
    _, *of_rows = torch.ops.aten.native_layer_norm.default(x, [8, 10], None, None, 1e-5)
    target, weight = torch.randint(6, (4, 8, 10)), torch.tensor(1.0, dtype=torch.float64)
    data, mask = (Ref("dy"), Ref("x")), (True, True, True)
    groups = (4, 6, 80, 2)
    cases: dict[str, tuple[Arg, ...]] = {
        "native_layer_norm_backward":
            (*data, (8, 10), Ref("m"), Ref("r"), None, None, (True, False, False)),
        "native_group_norm": (Ref("x"), Ref("scale"), None, *groups, 1e-5),
        "native_group_norm_backward":
            (*data, Ref("mean"), Ref("mean"), Ref("scale"), *groups, mask),
        "nll_loss2d_backward": (Ref("w"), Ref("x"), Ref("t"), None, 2, -100, Ref("w")),
        "_softmax_backward_data": (*data, 1, DTypeArg(DType.FLOAT64)),
        "_log_softmax_backward_data": (*data, 1, DTypeArg(DType.FLOAT64)),
    }  # fmt: skip
    given = {"m": of_rows[0], "r": of_rows[1], "mean": mean.double(), "scale": scale}
    given |= {"t": target, "w": weight, "x": x, "dy": dy}
    for kind, args in cases.items():
        outputs = ("y0", "y1", "y2") if "group" in kind else ("y0",)
        op = Op("y", f"aten.{kind}.default", args, outputs)
        expected = run(op, dict(given))
        for name in ("x", "dy"):
            turned = given[name].permute(2, 0, 3, 1).contiguous().permute(1, 3, 0, 2)
            found = run(op, given | {name: turned})
            for made in op.outputs:
                torch.testing.assert_close(found[made], expected[made], msg=f"{kind} {name}")


def test_kernels_name_the_operation_that_fails() -> None:
    with pytest.raises(RuntimeError) as caught:
        run(Op("bad", "aten.mm.default", (Ref("x"), Ref("x")), ("y",)), {"x": torch.zeros(2, 3)})
    assert caught.value.__notes__ == ["in operation bad (aten.mm.default)"]
    with pytest.raises(VerifyError, match=r"operation two .* expected 2 results, found 1"):
        run(Op("two", "aten.neg.default", (Ref("x"),), ("y", "z")), {"x": torch.zeros(2)})


def swapping() -> Graph:
    """States that take one another, an input, and a folded value; an output that is an input."""
    a, b, last, fixed = (ex.value(n, 2, kind=ValueKind.STATE) for n in ("a", "b", "last", "fixed"))
    x, w = ex.value("x", 2, kind=ValueKind.BATCH), ex.value("w", 2, kind=ValueKind.CONSTANT)
    return ex.tagged(
        Graph(
            Phase.FULL,
            values=(a, b, last, fixed, x, w, ex.value("double", 2), ex.value("sum", 2)),
            ops=(
                ex.op("double", "aten.mul.Tensor", "%w", 2.0, task=None),
                ex.op("sum", "aten.add.Tensor", "%a", "%x", task="sum"),
            ),
            outputs=(Named("output", "x"), Named("second", "sum"), Named("third", "double")),
            updates=(
                Update("a", "b"),
                Update("b", "a"),
                Update("last", "x"),
                Update("fixed", "double"),
            ),
        )
    )


def test_states_that_no_task_computes() -> None:
    graph = swapping()
    gpu = ex.costs().devices[0]
    costs = replace(ex.costs(), devices=(replace(gpu, tasks={"sum": gpu.tasks["loss"]}),))
    tasks = tasks_of(graph)
    posed = pose(graph, tasks, costs, replace(ex.target(), links=()))
    schedule = build_schedule(graph, tasks, costs, posed, ex.assign(posed, {"sum": "gpu"}))
    machine = Machine(graph, schedule)
    names = ("a", "b", "last", "fixed", "w")
    machine.enter({name: torch.full((2,), float(i)) for i, name in enumerate(names)})
    x = torch.full((2,), 10.0)
    outputs = machine.step({"x": x}).outputs
    x.fill_(99.0)
    assert [outputs[label][0] for label in ("output", "second", "third")] == [10, 10, 8]
    assert {name: float(tensor[0]) for name, tensor in machine.leave().items()} == {
        "a": 1,
        "b": 0,
        "last": 10,
        "fixed": 8,
    }
