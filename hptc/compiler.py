"""The whole flow on one page: a model in, a compiled program out."""

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, cast

from cost_models.load import load_target
from hptc import __version__
from hptc.errors import HptcError
from hptc.frontend.capture import Capture, capture
from hptc.frontend.flatten import ExampleInputs
from hptc.frontend.loss_function import OwnLoss, RecordedLoss, record_loss
from hptc.frontend.loss_output import loss_output
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import ModelLike, Source, read_source
from hptc.frontend.torch import Model
from hptc.ir.graph import Graph, Phase
from hptc.options import Options, make_options
from hptc.phases import (
    LEAST_SOLVE_S,
    NO_HOOKS,
    Hooks,
    PhaseResult,
    compile_phase,
    place_phase,
    schedule_phase,
)
from hptc.program import Program
from hptc.schedule.model import Bundle, CompiledPhase, Reference, Transition
from hptc.schedule.report import Json
from hptc.schedule.training import all_gpu_training
from hptc.schedule.transitions import transitions
from hptc.target import Target
from hptc.training import place_training

REPORT_SCHEMA = 1


def compile_model(
    model: ModelLike,
    example_inputs: ExampleInputs | None = None,
    *,
    hooks: Hooks = NO_HOOKS,
    **options: Any,
) -> Program:
    """Compile a model for training; `hptc.compile` is this function.

    Args:
        model: A module, an exported program, or the path of an ONNX or .pt2 file.
        example_inputs: Arguments with the shapes to compile for, as a tuple, or by name as a dict;
            needed for a module.
        hooks: Where to look in meanwhile.
        options: Arguments of `hptc.options.make_options`: `target`, `phases`, `loss`, `adapt`, ...

    Raises:
        UsageError: An option cannot be honoured.
        InvalidInputError: The model or the target is malformed.
        InfeasibleError: The model does not fit the target.
        TimeLimitError: No solution was found in time.
    """
    return compile_source(model, example_inputs, make_options(**options), hooks)


def compile_source(
    model: ModelLike,
    example_inputs: ExampleInputs | None,
    options: Options,
    hooks: Hooks = NO_HOOKS,
) -> Program:
    """Compile a model for all phases of `options`.

    Raises ModelError, TargetError, UsageError, InfeasibleError or TimeLimitError.
    """
    started = time.monotonic()
    targets = {
        phase: load_target(options.targets[phase], options.overrides) for phase in options.phases
    }
    source = read_source(model, example_inputs, options.dimensions, options.selection)
    recipe = _recipe(source.model, options)
    captured = capture(
        source.model, options.phases, recipe, options.adapter, options.selection, options.seed
    )
    capture_s = time.monotonic() - started
    compiled, crossings, report = _solve(captured, targets, options, hooks, started)
    times = {"capture_s": capture_s, "solve_s": time.monotonic() - started - capture_s}
    report = _report(compiled, targets) | report | times
    bundle = Bundle(
        name=source.name,
        options=_record(options, source),
        phases={phase: item.compiled for phase, item in compiled.items()},
        transitions=crossings,
        weights=captured.weights,
        report=_untimed(report) if options.work_limit is not None else report,
        reference=Reference(source.format, source.data, source.files),
        loss=recipe.loss.to_bytes() if isinstance(recipe.loss, RecordedLoss) else None,
        versions=_versions(),
    )
    return Program(bundle, source.warnings)


def _solve(
    captured: Capture,
    targets: Mapping[Phase, Target],
    options: Options,
    hooks: Hooks,
    started: float,
) -> tuple[dict[Phase, PhaseResult], tuple[Transition, ...], Json]:
    """Place all phases, schedule them, and return them with what the report says of them together.

    What is left of the time is dealt out in equal parts.
    """
    parts = options.searches

    def share_s(taken: int) -> float:
        nonlocal parts
        left_s = options.time_limit_s - (time.monotonic() - started)
        share = left_s * taken / parts if parts else 0.0
        parts -= taken
        return max(LEAST_SOLVE_S, share)

    alone = {}
    for phase in options.phases:
        graph, target = captured.graphs[phase], targets[phase]
        with _noted(phase):
            alone[phase] = place_phase(graph, target, options, hooks, share_s(1))
    graphs = {phase: found.placed.priced.graph for phase, found in alone.items()}
    crossings = transitions(graphs, captured.adapters, captured.merge, options.seed)
    together_s = share_s(len(alone)) if options.is_training else 0.0
    placed = place_training(alone, crossings, options, hooks, together_s)
    compiled = {}
    for phase, found in placed.phases.items():
        with _noted(phase):
            compiled[phase] = schedule_phase(found, options, hooks, share_s(options.studies))
    return compiled, crossings, _training(placed.report, compiled)


def _recipe(model: Model, options: Options) -> Recipe:
    output, loss = model.output_index(options.output), options.loss
    return Recipe(
        loss=record_loss(loss, loss_output(model, output)) if isinstance(loss, OwnLoss) else loss,
        optimizer=options.optimizer,
        output=output,
        clip_norm=options.clip_norm,
        accumulate=options.accumulate,
    )


def compile_graph(graph: Graph, target: Target, options: Options) -> CompiledPhase:
    """Compile the step graph of one phase; raises as `compile_model` does."""
    return compile_phase(graph, target, options, NO_HOOKS, options.time_limit_s).compiled


def _report(compiled: Mapping[Phase, PhaseResult], targets: Mapping[Phase, Target]) -> Json:
    return {
        "schema_version": REPORT_SCHEMA,
        "bundle": None,
        "target": _target_name(targets),
        "trained": {p.value: list(item.compiled.graph.trained) for p, item in compiled.items()},
        "phases": {phase.value: item.report for phase, item in compiled.items()},
    }


def _training(report: Json | None, compiled: Mapping[Phase, PhaseResult]) -> Json:
    """Return the report of the training of `--steps`, with that of the GPU alone."""
    if report is None:
        return {}
    phases = cast("dict[str, Json]", report["phases"])
    steps = {name: cast("int", phase["steps"]) for name, phase in phases.items()}
    reports = {phase.value: item.report for phase, item in compiled.items()}
    return {"training": report | {"all_gpu": all_gpu_training(steps, reports)}}


def _untimed(report: Json) -> Json:
    """Return a report without the times that were measured, so that it is the same each time."""
    phases = cast("dict[str, Json]", report["phases"])
    placed = {name: phase | {"solve_s": None} for name, phase in phases.items()}
    return report | {"capture_s": None, "solve_s": None, "phases": placed}


@contextmanager
def _noted(phase: Phase) -> Iterator[None]:
    try:
        yield
    except HptcError as error:
        error.add_note(f"while compiling the phase {phase.value}")
        raise


def _record(options: Options, source: Source) -> Json:
    return {
        **options.to_json(),
        "inputs": list(source.model.input_names),
        "outputs": list(source.model.output_names),
        "output_index": source.model.output_index(options.output),
        "tied": {name: kept for name, kept in source.model.canonical.items() if name != kept},
        "guesses": [
            {"name": guess.name, "trained": guess.trained, "reason": guess.reason}
            for guess in source.guesses
        ],
    }


def _target_name(targets: Mapping[Phase, Target]) -> str:
    names = {phase.value: target.name for phase, target in targets.items()}
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    return ",".join(f"{phase}={name}" for phase, name in names.items())


def _versions() -> dict[str, str]:
    packages = ("torch", "onnx", "onnxruntime", "ortools", "numpy")
    found = {name: version(name) for name in packages}
    return {"hptc": __version__, "python": platform.python_version(), **found}
