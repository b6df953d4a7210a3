"""A linear model with mean squared error and momentum, written out by hand for three phases."""

from collections.abc import Mapping, Sequence

import numpy as np

from hptc.ir.adapter import Adapter, Part, Scheme, Start
from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, Graph, Named, Op, OperandTag, Phase, Ref, Update, Value, ValueKind
from hptc.schedule.model import (
    Bundle,
    CompiledPhase,
    Initialise,
    Instruction,
    InstructionKind,
    Schedule,
    Transition,
)

ROWS, IN, OUT, RANK = 4, 3, 2, 2
WEIGHT = "enc.fc.weight"
A, B = f"{WEIGHT}.lora_a", f"{WEIGHT}.lora_b"
SCALE = 2.0
LATENCY_NS = {Phase.FULL: 100, Phase.LOW: 10, Phase.INFER: 1}
ENERGY_PJ = {Phase.FULL: 1000.0, Phase.LOW: 50.0, Phase.INFER: 5.0}
PROGRAM_NS, PROGRAM_PJ, CELLS = 500.0, 700.0, 24


class _Writer:
    """Collects the values and operations of one graph."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.ops: list[Op] = []

    def given(self, name: str, shape: tuple[int, ...], kind: ValueKind) -> None:
        self.values.append(Value(name, shape, DType.FLOAT32, kind))

    def op(self, name: str, kind: str, shape: tuple[int, ...], *args: Arg) -> None:
        self.values.append(Value(name, shape, DType.FLOAT32, ValueKind.COMPUTED))
        kind = f"aten.{kind}"
        self.ops.append(
            Op(f"op_{name}", kind, args, (name,), tag=OperandTag.DYNAMIC, task=f"t_{name}")
        )

    def loss(self) -> None:
        """`output` and `target` to `loss` and the gradient `dy` of the output."""
        out = (ROWS, OUT)
        self.op("error", "sub.Tensor", out, Ref("output"), Ref("target"))
        self.op("square", "mul.Tensor", out, Ref("error"), Ref("error"))
        self.op("loss", "mean.default", (), Ref("square"))
        self.op("dy", "mul.Scalar", out, Ref("error"), 2.0 / (ROWS * OUT))

    def sgd(self, name: str, shape: tuple[int, ...]) -> list[Update]:
        """`grad/NAME` to the new momentum and parameter."""
        grad, momentum = f"grad/{name}", f"momentum/{name}"
        self.op(f"half/{name}", "mul.Scalar", shape, Ref(momentum), 0.5)
        self.op(f"new/{momentum}", "add.Tensor", shape, Ref(f"half/{name}"), Ref(grad))
        self.op(f"move/{name}", "mul.Tensor", shape, Ref(f"new/{momentum}"), Ref("hyper/lr"))
        self.op(f"new/{name}", "sub.Tensor", shape, Ref(name), Ref(f"move/{name}"))
        return [Update(name, f"new/{name}"), Update(momentum, f"new/{momentum}")]


def _inputs(writer: _Writer, phase: Phase, trained: Mapping[str, tuple[int, ...]]) -> None:
    writer.given("in_0", (ROWS, IN), ValueKind.BATCH)
    writer.given(WEIGHT, (IN, OUT), ValueKind.PARAMETER)
    if phase is Phase.INFER:
        return
    writer.given("target", (ROWS, OUT), ValueKind.BATCH)
    writer.given("hyper/lr", (), ValueKind.HYPER)
    for name, shape in trained.items():
        if name != WEIGHT:
            writer.given(name, shape, ValueKind.PARAMETER)
        writer.given(f"momentum/{name}", shape, ValueKind.STATE)


def full_graph() -> Graph:
    writer = _Writer()
    _inputs(writer, Phase.FULL, {WEIGHT: (IN, OUT)})
    writer.op("output", "mm.default", (ROWS, OUT), Ref("in_0"), Ref(WEIGHT))
    writer.loss()
    writer.op("x^T", "t.default", (IN, ROWS), Ref("in_0"))
    writer.op(f"grad/{WEIGHT}", "mm.default", (IN, OUT), Ref("x^T"), Ref("dy"))
    return _graph(writer, Phase.FULL, writer.sgd(WEIGHT, (IN, OUT)))


def low_graph() -> Graph:
    writer = _Writer()
    shapes = {A: (IN, RANK), B: (RANK, OUT)}
    _inputs(writer, Phase.LOW, shapes)
    writer.op("frozen", "mm.default", (ROWS, OUT), Ref("in_0"), Ref(WEIGHT))
    writer.op("xa", "mm.default", (ROWS, RANK), Ref("in_0"), Ref(A))
    writer.op("xab", "mm.default", (ROWS, OUT), Ref("xa"), Ref(B))
    writer.op("delta", "mul.Scalar", (ROWS, OUT), Ref("xab"), SCALE)
    writer.op("output", "add.Tensor", (ROWS, OUT), Ref("frozen"), Ref("delta"))
    writer.loss()
    writer.op("sdy", "mul.Scalar", (ROWS, OUT), Ref("dy"), SCALE)
    writer.op("xa^T", "t.default", (RANK, ROWS), Ref("xa"))
    writer.op(f"grad/{B}", "mm.default", (RANK, OUT), Ref("xa^T"), Ref("sdy"))
    writer.op("b^T", "t.default", (OUT, RANK), Ref(B))
    writer.op("dxa", "mm.default", (ROWS, RANK), Ref("sdy"), Ref("b^T"))
    writer.op("x^T", "t.default", (IN, ROWS), Ref("in_0"))
    writer.op(f"grad/{A}", "mm.default", (IN, RANK), Ref("x^T"), Ref("dxa"))
    updates = [update for name, shape in shapes.items() for update in writer.sgd(name, shape)]
    return _graph(writer, Phase.LOW, updates)


def merge_graph() -> Graph:
    writer = _Writer()
    for name, shape in {WEIGHT: (IN, OUT), A: (IN, RANK), B: (RANK, OUT)}.items():
        writer.given(name, shape, ValueKind.PARAMETER)
    writer.op("ab", "mm.default", (IN, OUT), Ref(A), Ref(B))
    writer.op("update", "mul.Scalar", (IN, OUT), Ref("ab"), SCALE)
    writer.op("merged", "add.Tensor", (IN, OUT), Ref(WEIGHT), Ref("update"))
    return Graph(
        Phase.LOW, tuple(writer.values), tuple(writer.ops), (), (Update(WEIGHT, "merged"),)
    )


def infer_graph() -> Graph:
    writer = _Writer()
    _inputs(writer, Phase.INFER, {})
    writer.op("output", "mm.default", (ROWS, OUT), Ref("in_0"), Ref(WEIGHT))
    return _graph(writer, Phase.INFER, [])


def _graph(writer: _Writer, phase: Phase, updates: Sequence[Update]) -> Graph:
    names = ["output"] if phase is Phase.INFER else ["loss", "output"]
    computed = ValueKind.COMPUTED
    values = sorted(writer.values, key=lambda value: value.kind is computed)
    return Graph(
        phase,
        tuple(values),
        tuple(writer.ops),
        tuple(Named(name, name) for name in names),
        tuple(updates),
        tuple(
            Named(v.name.removeprefix("grad/"), v.name)
            for v in values
            if v.name.startswith("grad/")
        ),
    )


def _schedule(graph: Graph) -> Schedule:
    handed = (ValueKind.BATCH, ValueKind.HYPER, ValueKind.COMPUTED)
    loads = [
        Instruction(InstructionKind.LOAD, "gpu", 0, 0, value=value.name)
        for value in graph.values
        if value.kind not in handed
    ]
    program = Instruction(
        InstructionKind.PROGRAM, "gpu", 0, int(PROGRAM_NS), PROGRAM_PJ, value=WEIGHT, cells=CELLS
    )
    step = [
        Instruction(
            InstructionKind.EXEC,
            "gpu",
            i,
            i + 1,
            task=op.task or "",
            ops=(op.name,),
            resource="gpu",
        )
        for i, op in enumerate(graph.ops)
    ]
    back = [
        Instruction(InstructionKind.READ_BACK, "gpu", 0, 0, value=update.state)
        for update in graph.updates
    ]
    is_low = graph.phase is Phase.LOW
    return Schedule(
        phase=graph.phase,
        prologue=(*loads, program) if is_low else tuple(loads),
        step=tuple(step),
        epilogue=tuple(back),
        latency_ns=LATENCY_NS[graph.phase],
        energy_pj=ENERGY_PJ[graph.phase],
        program_ns=PROGRAM_NS if is_low else 0.0,
        program_pj=PROGRAM_PJ if is_low else 0.0,
    )


TO_LOW = Transition(
    Phase.FULL,
    Phase.LOW,
    copies={WEIGHT: WEIGHT},
    initialise=(
        Initialise(A, (IN, RANK), Start(Scheme.KAIMING_UNIFORM), 7),
        Initialise(B, (RANK, OUT), Start(Scheme.CONSTANT)),
    ),
)
ADAPTER = Adapter(
    "lora",
    WEIGHT,
    IN,
    OUT,
    RANK,
    SCALE,
    transposed=False,
    parts=(
        Part(A, (IN, RANK), DType.FLOAT32, Start(Scheme.KAIMING_UNIFORM), is_trained=True),
        Part(B, (RANK, OUT), DType.FLOAT32, Start(Scheme.CONSTANT), is_trained=True),
    ),
)


FROM_LOW = Transition(
    Phase.LOW, Phase.INFER, copies={WEIGHT: WEIGHT}, adapters=(ADAPTER,), merge=merge_graph()
)


def tiny_bundle(phases: Sequence[Phase] = tuple(Phase)) -> Bundle:
    graphs = {Phase.FULL: full_graph(), Phase.LOW: low_graph(), Phase.INFER: infer_graph()}
    generator = np.random.default_rng(0)
    return Bundle(
        name="tiny",
        options={
            "loss": "mse",
            "optimizer": "sgd",
            "clip_norm": None,
            "accumulate": 1,
            "lr": 0.05,
            "train": None,
            "frozen": None,
            "shape": {},
            "inputs": [],
            "output_index": 0,
            "tied": {},
        },
        phases={p: CompiledPhase(graphs[p], _schedule(graphs[p]), "") for p in phases},
        transitions=(
            TO_LOW,
            FROM_LOW,
        ),
        weights={WEIGHT: generator.standard_normal((IN, OUT)).astype(np.float32)},
        report={},
    )
