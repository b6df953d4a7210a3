"""The node tests of the ONNX standard on hptc, onnxruntime and the reference evaluator.

`python -m benchmarks.onnx_backend [--filter TEXT] [--only hptc] [--kinds node,simple] [--json OUT]`
runs each case that onnx ships through `hptc.embed.onnx.Backend` and compares by the standard's own
rule. An engine that refuses a case and one that answers wrongly count apart. Exit status 1 where
hptc answers wrongly or fails with anything but an error of its own.
"""

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.runner import Runner
from onnx.reference import ReferenceEvaluator
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.stamp import write_stamped
from hptc.embed.onnx import Backend
from hptc.errors import HptcError

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
Run = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the standard."""

    name: str
    family: str
    model: onnx.ModelProto
    data: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]
    """Inputs and outputs of each data set."""
    rtol: float
    atol: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one engine made of one case."""

    engine: str
    case: str
    family: str
    verdict: str
    """`pass`, `wrong`, `refused` or `crash`."""
    opaque: tuple[str, ...]
    detail: str
    wall_s: float


def load_cases(kinds: Sequence[str], text: str) -> Iterator[Case]:
    """Yield the cases whose name holds `text`."""
    from onnx.backend.test.loader import load_model_tests  # noqa: PLC0415  (it warns)

    for kind in kinds:
        for case in load_model_tests(kind=kind):
            if text in case.name:
                folder = Path(case.model_dir) if case.model_dir else None
                model: Any = onnx.load(folder / "model.onnx") if folder else case.model
                data = _stored(folder, model) if folder else _given(case.data_sets)
                nodes = model.graph.node
                title = nodes[-1].op_type if kind == "node" and nodes else kind
                yield Case(case.name, title, model, data, case.rtol, case.atol)


def _given(data_sets: Any) -> tuple[Any, ...]:
    return tuple((tuple(map(_array, given)), tuple(map(_array, want))) for given, want in data_sets)


def _array(item: Any) -> Any:
    return numpy_helper.to_array(item) if isinstance(item, onnx.TensorProto) else item


def _stored(folder: Path, model: onnx.ModelProto) -> tuple[Any, ...]:
    sets = sorted(folder.glob("test_data_set_*"))
    return tuple(
        (
            tuple(_read(path, model.graph.input[i]) for i, path in _files(data, "input")),
            tuple(_read(path, model.graph.output[i]) for i, path in _files(data, "output")),
        )
        for data in sets
    )


def _files(folder: Path, stem: str) -> Iterator[tuple[int, Path]]:
    for index in range(len(list(folder.glob(f"{stem}_*.pb")))):
        yield index, folder / f"{stem}_{index}.pb"


def _read(path: Path, info: onnx.ValueInfoProto) -> Any:
    data = path.read_bytes()
    match info.type.WhichOneof("value"):
        case "sequence_type":
            return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
        case "optional_type":
            return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def on_onnxruntime(case: Case) -> Run:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        case.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [item.name for item in session.get_inputs()]
    return lambda given: list(session.run(None, dict(zip(names, given, strict=False))))


def on_reference(case: Case) -> Run:
    evaluator = ReferenceEvaluator(case.model)
    return lambda given: list(
        evaluator.run(None, dict(zip(evaluator.input_names, given, strict=False)))
    )


def judge(engine: str, case: Case, prepare: Callable[[Case], Any]) -> Outcome:
    """Run one case on one engine."""
    started = time.monotonic()
    opaque: tuple[str, ...] = ()
    verdict, detail = "pass", ""
    try:
        prepared = prepare(case)
        run = prepared.run if engine == "hptc" else prepared
        for given, wanted in case.data:
            found = run(list(given))
            opaque = prepared.opaque_ops if engine == "hptc" else ()
            detail = detail or _difference(case, wanted, found)
        verdict = "wrong" if detail else "pass"
    except HptcError as error:
        verdict, detail = "refused", str(error)
    except Exception as error:  # the other engines raise many types
        verdict = "crash" if engine == "hptc" else "refused"
        detail = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    wall_s = time.monotonic() - started
    return Outcome(engine, case.name, case.family, verdict, opaque, detail, wall_s)


def _difference(case: Case, wanted: Sequence[Any], found: Sequence[Any]) -> str:
    """Return how the outputs differ by the standard's rule, empty where they do not."""
    expected, outputs = list(_flat(wanted)), list(_flat(found))
    absent = [(w is None) != (f is None) for w, f in zip(expected, outputs, strict=False)]
    if len(wanted) != len(found) or len(expected) != len(outputs) or any(absent):
        return f"{len(outputs)} tensors for {len(expected)}, or one of them absent"
    expected, outputs = ([x for x in column if x is not None] for column in (expected, outputs))
    try:
        Runner.assert_similar_outputs(expected, outputs, case.rtol, case.atol)
    except (AssertionError, TypeError) as error:
        return " ".join(str(error).split())[:200]
    return ""


def _flat(value: Any) -> Iterator[Any]:
    """Yield the tensors of outputs; the standard's rule cannot compare a sequence of scalars."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    engines = list(dict.fromkeys(item.engine for item in outcomes))
    passed = Counter((i.engine, i.family) for i in outcomes if i.verdict == "pass")
    native = Counter(
        i.family for i in outcomes if i.engine == "hptc" and i.verdict == "pass" and not i.opaque
    )
    total = Counter(item.family for item in outcomes if item.engine == "hptc")
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("family", "cases", "hptc, no opaque", *engines):
        table.add_column(column, justify="left" if column == "family" else "right")
    for name in sorted(total):
        counts = (total[name], native[name], *(passed[engine, name] for engine in engines))
        table.add_row(name, *map(str, counts))
    sums = [sum(n for (e, _), n in passed.items() if e == engine) for engine in engines]
    table.add_row("all", *map(str, (total.total(), native.total(), *sums)), style="bold")
    console.print(table)
    for engine in engines:
        verdicts = Counter(item.verdict for item in outcomes if item.engine == engine)
        console.print(engine, dict(verdicts))
    for item in outcomes:
        if item.engine == "hptc" and item.verdict != "pass":
            console.print(f"{item.verdict} {item.case}: {item.detail}", soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filter", default="")
    parser.add_argument("--only", choices=("hptc",))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    engines: dict[str, Callable[[Case], Any]] = {"hptc": lambda case: Backend.prepare(case.model)}
    if options.only is None:
        engines |= {"onnxruntime": on_onnxruntime, "reference": on_reference}
    outcomes = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for case in load_cases(options.kinds.split(","), options.filter):
            outcomes += [judge(name, case, prepare) for name, prepare in engines.items()]
    print_table(Console(width=120), outcomes)
    if options.json:
        write_stamped(options.json, {"results": [asdict(item) for item in outcomes]})
    own = {item.verdict for item in outcomes if item.engine == "hptc"}
    return 1 if own & {"wrong", "crash"} else 0


if __name__ == "__main__":
    sys.exit(main())
