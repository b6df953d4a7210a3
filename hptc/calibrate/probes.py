"""The operations that a calibration times, as hptc counts them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from cost_models.gpu_gemm_params import Precision
from cost_models.work import TaskWork, count_work
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph
from hptc.ir.tasks import tasks_of
from hptc.ir.text import from_text

ELEMENT_TYPES: Mapping[Precision, DType] = {
    "fp32": DType.FLOAT32,
    "tf32": DType.FLOAT32,
    "fp16": DType.FLOAT16,
    "bf16": DType.BFLOAT16,
}
"""How operands of products are stored."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large probes are."""

    edge: int
    """Largest side of a matrix, a power of two."""
    elements: int
    """Elements of the largest tensor of other operations, a power of two."""


@dataclass(frozen=True)
class Probe:
    """One operation, alone in a graph."""

    group: str
    """What is fitted to it; the groups are those of `hptc.calibrate.fit.STAGES`."""
    precision: Precision
    graph: Graph
    work: TaskWork


def products(precision: Precision, sizes: Sizes) -> tuple[Probe, ...]:
    """Return matrix products, single and batched, compact and thin, of round and odd sizes."""
    edge, dtype = sizes.edge, ELEMENT_TYPES[precision].value
    sides = (edge // 32, edge // 8 + edge // 32 + 3, edge // 4, edge)
    thin = product((1, 8, 32), (edge // 4, edge), (edge // 4, edge))
    own = "batched product" if precision == "fp32" else "product"  # one set of kernels for both
    single = [
        _probe(
            "product", precision,
            f"batch %a : {dtype}[{m},{k}]", f"batch %b : {dtype}[{k},{n}]",
            f"%y : {dtype}[{m},{n}] = aten.mm.default(%a, %b)",
        )
        for m, k, n in (*product(sides, (edge // 16, edge // 4, edge), sides[1:]), *thin)
    ]  # fmt: skip
    batched = [
        _probe(
            own, precision,
            f"batch %a : {dtype}[{count},{m},{k}]", f"batch %b : {dtype}[{count},{k},{n}]",
            f"%y : {dtype}[{count},{m},{n}] = aten.bmm.default(%a, %b)",
        )
        for count, length, width in product((8, 20, 48), (edge // 8, edge // 4), (64, 128))
        for m, k, n in ((length, width, length), (length, length, width))  # as attention has them
    ]  # fmt: skip
    return (*single, *batched)


def streams(sizes: Sizes) -> tuple[Probe, ...]:
    """Return what is bound by memory, forward and backward, in fp32."""
    shapes = [
        (elements // columns, columns)
        for elements in (sizes.elements // share for share in (1024, 64, 8, 2, 1))
        for columns in (256, 1024, 4096)
        if elements >= columns
    ]
    return tuple(probe for rows, columns in shapes for probe in _streams(rows, columns))


def _streams(rows: int, columns: int) -> Iterator[Probe]:
    full, row, stat = (
        f"float32{shape}" for shape in (f"[{rows},{columns}]", f"[{columns}]", f"[{rows},1]")
    )
    x, g = f"batch %x : {full}", f"batch %g : {full}"
    scale = (f"param %w : {row}", f"param %b : {row}")
    for group, *lines in (
        ("element-wise", x, g, f"%y : {full} = aten.add.Tensor(%x, %g)"),
        ("element-wise", x, f"%y : {full} = aten.mul.Tensor(%x, 0.5)"),
        ("element-wise", x, f"%y : {full} = aten.gelu.default(%x)"),
        ("element-wise", x, g, f"%y : {full} = aten.gelu_backward.default(%g, %x)"),
        ("softmax", x, f"%y : {full} = aten._softmax.default(%x, 1, false)"),
        ("softmax", x, g, f"%y : {full} = aten._softmax_backward_data.default(%g, %x, 1, float32)"),
        (
            "norm", x, *scale,
            f"%y : {full}, %m : {stat}, %s : {stat}"
            f" = aten.native_layer_norm.default(%x, [{columns}], %w, %b, 1e-05)",
        ),
        (
            "norm", x, g, *scale, f"batch %m : {stat}", f"batch %s : {stat}",
            f"%y : {full}, %v : {row}, %u : {row} = aten.native_layer_norm_backward.default"
            f"(%g, %x, [{columns}], %m, %s, %w, %b, [true, true, true])",
        ),
        (
            "gather", f"param %w : {full}", f"batch %i : int64[{rows}]",
            f"%y : {full} = aten.embedding.default(%w, %i)",
        ),
    ):  # fmt: skip
        yield _probe(group, "fp32", *lines)


def _probe(group: str, precision: Precision, *lines: str) -> Probe:
    *inputs, op = lines
    role = "input-gradient" if "_backward" in op else "forward"
    outputs = op.split(" :", 1)[0]
    graph = from_text(
        "\n".join(
            [
                "graph full {",
                *inputs,
                f'{op} {{{role}, task="probe"}}',
                f'output "y" = {outputs}',
                "}",
            ]
        )
    )
    return Probe(group, precision, graph, count_work(graph, tasks_of(graph))[0])
