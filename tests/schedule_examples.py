"""A hand-written step (frozen linear layer, trained bias, mse, sgd with momentum) to schedule."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from hptc.cost import Cost, CostTable, CrossbarUse, DeviceCosts
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Named, Op, OperandTag, Phase, Ref, Role, Update, Value, ValueKind
from hptc.ir.tags import operand_tag, residencies, written
from hptc.ir.tasks import tasks_of
from hptc.partition.problem import Assignment, Placement, Transfer
from hptc.schedule.build import build_schedule
from hptc.schedule.model import Schedule
from hptc.schedule.pose import Posed, pose
from hptc.target import DeviceSpec, LinkSpec, Target
from hptc.units import Ns, Pj

F32 = DType.FLOAT32
ROWS, FEATURES, UNITS = 4, 3, 2


def value(name: str, *shape: int, kind: ValueKind = ValueKind.COMPUTED) -> Value:
    return Value(name, shape, F32, kind)


def op(name: str, kind: str, *args: object, task: str | None, **extra: Role) -> Op:
    """An operation whose one output bears its name; strings starting with % are values."""
    spelled = tuple(
        Ref(arg[1:]) if isinstance(arg, str) and arg.startswith("%") else arg for arg in args
    )
    tag = OperandTag.FOLDED if task is None else OperandTag.DYNAMIC
    return Op(name, kind, spelled, (name,), tag=tag, task=task, **extra)  # type: ignore[arg-type]  # args are literals


OPS = (
    op("w0_t", "aten.permute.default", "%w0", (1, 0), task=None),
    op("h", "aten.addmm.default", "%b", "%x", "%w0_t", task="linear"),
    op("d", "aten.sub.Tensor", "%h", "%target", task="loss"),
    op("sq", "aten.mul.Tensor", "%d", "%d", task="loss"),
    op("loss", "aten.mean.default", "%sq", task="loss"),
    op("g_h", "aten.mul.Tensor", "%d", 2 / (ROWS * UNITS), task="backward"),
    op("g_b", "aten.sum.dim_IntList", "%g_h", (0,), task="backward", role=Role.WEIGHT_GRADIENT),
    op("m_old", "aten.mul.Tensor", "%m", 0.9, task="optimizer", role=Role.OPTIMIZER),
    op("m_new", "aten.add.Tensor", "%m_old", "%g_b", task="optimizer", role=Role.OPTIMIZER),
    op("delta", "aten.mul.Tensor", "%m_new", "%lr", task="optimizer", role=Role.OPTIMIZER),
    op("b_new", "aten.sub.Tensor", "%b", "%delta", task="optimizer", role=Role.OPTIMIZER),
)
SHAPES: Mapping[str, tuple[int, ...]] = {
    "w0_t": (FEATURES, UNITS),
    "h": (ROWS, UNITS),
    "d": (ROWS, UNITS),
    "sq": (ROWS, UNITS),
    "loss": (),
    "g_h": (ROWS, UNITS),
}
_UNTAGGED = Graph(
    Phase.LOW,
    values=(
        value("x", ROWS, FEATURES, kind=ValueKind.BATCH),
        value("target", ROWS, UNITS, kind=ValueKind.BATCH),
        value("lr", kind=ValueKind.HYPER),
        value("w0", UNITS, FEATURES, kind=ValueKind.PARAMETER),
        value("b", UNITS, kind=ValueKind.PARAMETER),
        value("m", UNITS, kind=ValueKind.STATE),
        *(value(name, *SHAPES.get(name, (UNITS,))) for o in OPS for name in o.outputs),
    ),
    ops=OPS,
    outputs=(Named("loss", "loss"), Named("output", "h")),
    updates=(Update("b", "b_new"), Update("m", "m_new")),
    gradients=(Named("b", "g_b"),),
)


def tagged(graph: Graph) -> Graph:
    """The graph with the residencies and tags that follow from its data flow."""
    residency = residencies(graph)
    news = written(graph)
    return replace(
        graph,
        values=tuple(replace(v, residency=residency[v.name]) for v in graph.values),
        ops=tuple(replace(o, tag=operand_tag(graph, o, residency, news)) for o in graph.ops),
    )


STEP = tagged(_UNTAGGED)
TASKS = tasks_of(STEP)
DEVICES = ("gpu", "xbar", "sys")

MATRIX = CrossbarUse(
    "w0",
    crossbars=2,
    copies=1,
    cells=40,
    program_ns=Ns(99.5),
    program_pj=Pj(7.0),
    writes_per_step=0,
    reads=4,
    waiting_ns=Ns(30.0),
)


def costs() -> CostTable:
    """Only `linear` runs on the crossbars; everything runs on the other two."""
    names = [task.name for task in TASKS]
    gpu = {name: Cost(Ns(10.2), Pj(100.0)) for name in names}
    systolic = {name: Cost(Ns(20.0), Pj(10.0)) for name in names}
    xbar = dict.fromkeys(names) | {"linear": Cost(Ns(5.0), Pj(1.0), MATRIX)}
    return CostTable(
        (
            DeviceCosts("gpu", "gpu", 2.0, None, gpu),
            DeviceCosts("xbar", "reram", 0.5, 8, xbar, write_budget_per_cell=1e6),
            DeviceCosts("sys", "systolic", 0.1, None, systolic),
        )
    )


def target() -> Target:
    """Links between every pair of devices."""
    specs = tuple(DeviceSpec(name, name, {}) for name in DEVICES)
    links = tuple(
        LinkSpec(a, b, bandwidth_bytes_per_ns=8.0, latency_ns=2.5, energy_pj_per_bit=0.25)
        for a in DEVICES
        for b in DEVICES
        if a != b
    )
    return Target("three", specs, links, toml="")


def assign(posed: Posed, devices: Mapping[str, str]) -> Assignment:
    """One thing after another: every task in order, each copy just before its first reader."""
    problem = posed.problem
    modes = {
        name: next(i for i, m in enumerate(t.modes) if posed.devices[m.device] == devices[name])
        for name, t in zip(posed.tasks, problem.tasks, strict=True)
    }
    at = [t.modes[modes[t.name]].device for t in problem.tasks]
    clock, sent, transfers, placements = 0, set(), [], []
    for index, t in enumerate(problem.tasks):
        for v, data in enumerate(problem.values):
            if index not in data.readers or at[data.src] == at[index] or (v, at[index]) in sent:
                continue
            ends = (at[data.src], at[index])
            link = next(i for i, k in enumerate(problem.links) if (k.src, k.dst) == ends)
            wire = problem.links[link]
            end = clock + wire.latency_ns + -(-data.bytes // int(wire.bandwidth_bytes_per_ns))
            transfers.append(Transfer(v, link, clock, end))
            sent.add((v, at[index]))
            clock = end
        end = clock + t.modes[modes[t.name]].duration_ns
        placements.append(Placement(modes[t.name], clock, end))
        clock = end
    return Assignment(tuple(placements), tuple(transfers))


def scheduled(devices: Mapping[str, str]) -> Schedule:
    """The example's schedule with each task on the named device."""
    posed = pose(STEP, TASKS, costs(), target())
    return build_schedule(STEP, TASKS, costs(), posed, assign(posed, devices))


HYBRID = {"linear": "xbar", "loss": "gpu", "backward": "sys", "optimizer": "gpu"}


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {"w0": torch.randn(UNITS, FEATURES), "b": torch.zeros(2), "m": torch.zeros(2)}


def batch(seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {
        "x": torch.randn(ROWS, FEATURES),
        "target": torch.randn(ROWS, UNITS),
        "lr": torch.tensor(0.1),
    }
