"""Small and large programs made by hand: a chain of adapted linear layers on three devices."""

from collections.abc import Iterator

from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Named, Op, OperandTag, Phase, Ref, Role, Value, ValueKind
from hptc.schedule.model import Bundle, CompiledPhase, Instruction, InstructionKind, Schedule

HOSTILE = "</script><b>&\"'\u2028\u202e${x}"
ROWS, WIDTH, RANK = 64, 256, 8
MATRICES = 40
"""Distinct matrices of the spatial device; later layers read them again."""

_DURATION_NS = {"xbar": 5_200, "systolic": 1_900, "gpu": 3_100}
_ENERGY_PJ = {"xbar": 41_000.0, "systolic": 9_500.0, "gpu": 260_000.0}
_LINK_NS = 700


def make_bundle(layers: int = 4, name: str = "tiny", prefix: str = HOSTILE) -> Bundle:
    """Return a program of two phases with three tasks and five operations per layer."""
    phases = (Phase.FULL, Phase.LOW)
    compiled = {phase: _compiled(phase, layers, prefix) for phase in phases}
    return Bundle(
        name=name,
        options={"objective": "latency", "time_limit_s": 10, "adapt": "lora:r=8", "hint": HOSTILE},
        phases=compiled,
        transitions=(),
        weights={},
        report={
            "target": "hybrid",
            "solve_s": 3.21,
            "capture_s": 1.5,
            "phases": {phase.value: _report(item.schedule) for phase, item in compiled.items()},
        },
        versions={"hptc": "0.1.0", "torch": "2.13.0", "ortools": "9.14"},
    )


def _compiled(phase: Phase, layers: int, prefix: str) -> CompiledPhase:
    graph = make_graph(phase, layers, prefix)
    return CompiledPhase(graph, make_schedule(graph), "name = 'hybrid'\n")


def make_graph(phase: Phase, layers: int, prefix: str) -> Graph:
    """Return layers of y = gelu(x W + (x A) B), W frozen in `low`."""
    values = [_value("x", ValueKind.BATCH, ROWS, WIDTH)]
    ops: list[Op] = []
    if phase is Phase.LOW:
        ops.append(_folded())
        values.append(_value("norm", ValueKind.COMPUTED, WIDTH, WIDTH))
    for layer in range(layers):
        values += [
            _value(f"w{layer}", ValueKind.PARAMETER, WIDTH, WIDTH),
            _value(f"a{layer}", ValueKind.PARAMETER, WIDTH, RANK),
            _value(f"b{layer}", ValueKind.PARAMETER, RANK, WIDTH),
        ]
    for layer in range(layers):
        made = list(_layer(phase, layer, layers, prefix))
        ops += made
        widths = (WIDTH, RANK, WIDTH, WIDTH, WIDTH)
        values += [
            _value(op.outputs[0], ValueKind.COMPUTED, ROWS, width)
            for op, width in zip(made, widths, strict=True)
        ]
    return Graph(phase, tuple(values), tuple(ops), (Named("output", f"y{layers - 1}"),))


def _folded() -> Op:
    return Op("fold", "aten.abs.default", (Ref("w0"),), ("norm",), tag=OperandTag.FOLDED)


def _layer(phase: Phase, at: int, layers: int, prefix: str) -> Iterator[Op]:
    role = Role.FORWARD if 2 * at < layers else Role.INPUT_GRADIENT
    matrix = OperandTag.STATIC if phase is Phase.LOW else OperandTag.TRAINABLE
    x = f"y{at - 1}" if at else "x"
    task = f"{prefix}.{at}" if at == 0 else f"encoder.{at}"
    parts = (
        ("mm", "aten.mm.default", (x, f"w{at}"), f"h{at}", matrix, "query"),
        ("down", "aten.mm.default", (x, f"a{at}"), f"d{at}", OperandTag.TRAINABLE, "adapter"),
        ("up", "aten.mm.default", (f"d{at}", f"b{at}"), f"u{at}", OperandTag.TRAINABLE, "adapter"),
        ("add", "aten.add.Tensor", (f"h{at}", f"u{at}"), f"s{at}", OperandTag.DYNAMIC, "act"),
        ("gelu", "aten.gelu.default", (f"s{at}",), f"y{at}", OperandTag.DYNAMIC, "act"),
    )
    for short, kind, inputs, output, tag, group in parts:
        yield Op(
            name=f"{prefix if at == 0 else 'layer'}.{short}.{at}",
            kind=kind,
            args=tuple(Ref(name) for name in inputs),
            outputs=(output,),
            role=role,
            tag=tag,
            task=f"{task}.{group}",
            source=f"model.encoder.layer.{at}.attention.{group}",
        )


def _value(name: str, kind: ValueKind, *shape: int) -> Value:
    return Value(name, shape, DType.FLOAT32, kind)


def make_schedule(graph: Graph) -> Schedule:
    """Return a schedule that runs adapters beside the matrices and sends what must move."""
    spatial = graph.phase is Phase.LOW
    running = [op for op in graph.ops if op.tag is not OperandTag.FOLDED]
    groups = [running[at : at + 5] for at in range(0, len(running), 5)]
    step: list[Instruction] = []
    clock = 0
    for at, (mm, down, up, add, gelu) in enumerate(groups):
        matrix = "xbar" if spatial else "gpu"
        resource = f"xbar/w{at % MATRICES}" if spatial else "gpu"
        product = _exec((mm,), matrix, clock, resource)
        adapter = _exec((down, up), "systolic", clock, "systolic")
        sent = (
            [_send(product, "gpu"), _send(adapter, "gpu")] if spatial else [_send(adapter, "gpu")]
        )
        act = _exec((add, gelu), "gpu", max(item.end_ns for item in (product, *sent)), "gpu")
        step += [product, adapter, *sent, act, _free(act, add)]
        clock = act.end_ns + 400
    programs = [_program(at) for at in range(min(MATRICES, len(groups)))] if spatial else []
    fold = Instruction(InstructionKind.FOLD, "gpu", 0, 2_000, 90.0, ops=("fold",), resource="gpu")
    return Schedule(
        phase=graph.phase,
        prologue=(fold, *programs) if spatial else (),
        step=tuple(sorted(step, key=lambda item: item.start_ns)),
        epilogue=(Instruction(InstructionKind.READ_BACK, "systolic", 0, 900, 12.0, value="a0"),),
        latency_ns=clock,
        energy_pj=sum(item.energy_pj for item in step),
        program_ns=sum(item.end_ns - item.start_ns for item in programs),
        program_pj=sum(item.energy_pj for item in programs),
    )


def _exec(ops: tuple[Op, ...], device: str, start_ns: int, resource: str) -> Instruction:
    return Instruction(
        kind=InstructionKind.EXEC,
        device=device,
        start_ns=start_ns,
        end_ns=start_ns + _DURATION_NS[device],
        energy_pj=_ENERGY_PJ[device],
        task=ops[0].task or "",
        ops=tuple(op.name for op in ops),
        resource=resource,
    )


def _send(made: Instruction, device: str) -> Instruction:
    return Instruction(
        kind=InstructionKind.TRANSFER,
        device=device,
        start_ns=made.end_ns,
        end_ns=made.end_ns + _LINK_NS,
        energy_pj=830.5,
        value=f"result of {made.ops[-1]}",
        source=made.device,
        resource=f"{made.device}->{device}",
    )


def _free(act: Instruction, op: Op) -> Instruction:
    value = op.outputs[0]
    return Instruction(InstructionKind.FREE, act.device, act.end_ns, act.end_ns, value=value)


def _program(at: int) -> Instruction:
    start_ns = at * 120_000
    return Instruction(
        kind=InstructionKind.PROGRAM,
        device="xbar",
        start_ns=start_ns,
        end_ns=start_ns + 120_000,
        energy_pj=7.5e6,
        value=f"w{at}",
        resource=f"xbar/w{at}",
        cells=4 * WIDTH * WIDTH,
    )


def _report(schedule: Schedule) -> dict[str, object]:
    latency_ns, energy_nj = schedule.latency_ns, schedule.energy_pj / 1_000
    return {
        "latency_ns": latency_ns,
        "period_ns": latency_ns * 0.6,
        "lower_bound_ns": latency_ns * 0.9,
        "gap": 1 / 0.9 - 1,
        "status": "feasible",
        "crossbars_used": 640 if schedule.prologue else 0,
        "devices": {name: {"ops": 1, "busy_ns": 1} for name in ("xbar", "systolic", "gpu")},
        "all_gpu": "gpu",
        "rows": [
            {
                "axis": 1,
                "extent": ROWS,
                "waiting": 2,
                "map": {"ops": 9, "macs": 4_000},
                "reduce": {"ops": 4, "macs": 1_000},
                "all": {"ops": 3, "macs": 0},
            }
        ],
        "baselines": {
            "systolic": {"latency_ns": latency_ns * 0.8, "energy_nj": energy_nj * 1.7},
            "gpu": {"latency_ns": latency_ns * 2.31, "energy_nj": energy_nj * 11.6},
            "reram": None,
        },
    }
