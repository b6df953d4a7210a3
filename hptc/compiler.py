"""The whole flow on one page: a model in, a compiled program out."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, cast

from cost_models.load import load_target
from cost_models.price import price
from hptc import __version__
from hptc.errors import HptcError
from hptc.frontend.capture import capture
from hptc.frontend.flatten import ExampleInputs
from hptc.frontend.loss_function import OwnLoss, RecordedLoss, record_loss
from hptc.frontend.loss_output import loss_output
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import ModelLike, Source, read_source
from hptc.frontend.torch import Model
from hptc.ir.graph import Graph, Phase
from hptc.ir.tasks import tasks_of
from hptc.options import Options, make_options
from hptc.partition.figures import front_json
from hptc.partition.front import LEAST_POINTS
from hptc.partition.limits import Limits, Progress
from hptc.partition.pareto import pareto
from hptc.partition.solve import solve
from hptc.program import Program
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.model import Bundle, CompiledPhase, Reference, Transition
from hptc.schedule.pose import Posed, pose
from hptc.schedule.report import Json, phase_report, single_device_baselines
from hptc.schedule.training import all_gpu_training, training_cost
from hptc.schedule.transitions import transitions
from hptc.sensitivity.model import Answer
from hptc.sensitivity.report import sensitivity
from hptc.target import Target
from passes import PIPELINE, run_passes

REPORT_SCHEMA = 1
DEFAULT_STEPS = 10_000
"""Steps of a phase where --steps does not say; they count against endurance."""
LEAST_SOLVE_S = 1.0
"""Solver time of a phase even where capture has used up the limit."""


@dataclass(frozen=True)
class Hooks:
    """Where a caller may look in while a program is compiled."""

    after_pass: Callable[[str, Graph], None] | None = None
    progress: Callable[[Phase, Progress], None] | None = None
    stop: Callable[[], bool] | None = None


@dataclass(frozen=True)
class _Phase:
    """One compiled phase with its report."""

    compiled: CompiledPhase
    report: Json


def compile_model(
    model: ModelLike,
    example_inputs: ExampleInputs | None = None,
    *,
    hooks: Hooks = Hooks(),
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
    hooks: Hooks = Hooks(),
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
    compiled: dict[Phase, _Phase] = {}
    for position, phase in enumerate(options.phases):
        left_s = options.time_limit_s - (time.monotonic() - started)
        share_s = max(LEAST_SOLVE_S, left_s / (len(options.phases) - position))
        with _noted(phase):
            compiled[phase] = _compile_phase(
                captured.graphs[phase], targets[phase], options, hooks, share_s
            )
    graphs = {phase: item.compiled.graph for phase, item in compiled.items()}
    crossings = transitions(graphs, captured.adapters, captured.merge, options.seed)
    times = {"capture_s": capture_s, "solve_s": time.monotonic() - started - capture_s}
    report = _report(compiled, targets) | _training(compiled, crossings, options) | times
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
    return _place(graph, target, options, Hooks(), options.time_limit_s)[0]


def _compile_phase(
    graph: Graph, target: Target, options: Options, hooks: Hooks, time_s: float
) -> _Phase:
    started = time.monotonic()
    studies = _studies(options, hooks)
    compiled, answer = _place(graph, target, options, hooks, time_s / (1 + len(studies)))
    report = phase_report(
        compiled.graph, answer.posed, answer.solution, compiled.schedule, answer.costs
    )
    report |= _baselines(compiled.graph, answer.posed, target, answer.steps)
    for position, (name, study) in enumerate(studies.items()):
        left_s = (time_s - (time.monotonic() - started)) / (len(studies) - position)
        report[name] = study(answer, _limits(options, max(LEAST_SOLVE_S, left_s), hooks))
    return _Phase(compiled, report)


def _studies(options: Options, hooks: Hooks) -> dict[str, Callable[[Answer, Limits], Json]]:
    """Return what is asked of each phase beside its schedule, by key of the report."""
    found: dict[str, Callable[[Answer, Limits], Json]] = {}
    if options.pareto is not None:
        found["pareto"] = lambda answer, limits: _front(answer, limits, options, hooks)
    if options.sensitivity:
        found["sensitivity"] = lambda answer, limits: sensitivity(answer, limits, hooks.stop)
    return found


def _front(answer: Answer, limits: Limits, options: Options, hooks: Hooks) -> Json:
    problem, start = answer.posed.problem, answer.solution.assignment
    points, within = options.pareto or LEAST_POINTS, options.objective
    front = pareto(problem, points, within=within, limits=limits, start=start, stop=hooks.stop)
    return front_json(problem, front)


def _place(
    graph: Graph, target: Target, options: Options, hooks: Hooks, time_s: float
) -> tuple[CompiledPhase, Answer]:
    started = time.monotonic()
    steps = options.steps.get(graph.phase, DEFAULT_STEPS)
    graph = run_passes(graph, PIPELINE, hooks.after_pass)
    tasks = tasks_of(graph)
    costs = price(graph, tasks, target)
    posed = pose(graph, tasks, costs, target, steps=steps)
    left_s = max(LEAST_SOLVE_S, time_s - (time.monotonic() - started))
    progress = hooks.progress
    solution = solve(
        posed.problem,
        objective=options.objective,
        limits=_limits(options, left_s, hooks),
        progress=None if progress is None else (lambda seen: progress(graph.phase, seen)),
        stop=hooks.stop,
    )
    schedule = build_schedule(graph, tasks, costs, posed, solution.assignment)
    check_schedule(graph, schedule)
    answer = Answer(graph, tasks, target, steps, costs, posed, solution)
    return CompiledPhase(graph, schedule, target.toml), answer


def _limits(options: Options, time_s: float, hooks: Hooks) -> Limits:
    """Return the limits of one search: where work is limited, an equal part for each."""
    work_s = options.work_limit
    if work_s is not None:
        work_s /= len(options.phases) * (1 + len(_studies(options, hooks)))
    return Limits(time_s=time_s, gap=options.gap, seed=options.seed, work_s=work_s)


def _baselines(graph: Graph, posed: Posed, target: Target, steps: int) -> Json:
    """Return the phase on single devices, and which of them is the all-GPU mapping.

    Where the target has no GPU, that is the default one.
    """
    found = single_device_baselines(posed)
    own = next((device.name for device in target.devices if device.kind == "gpu"), None)
    if own is not None:
        return {"baselines": found, "all_gpu": own}
    gpu = load_target("gpu")
    tasks = tasks_of(graph)
    alone = pose(graph, tasks, price(graph, tasks, gpu), gpu, steps=steps)
    found[gpu.name] = next(iter(single_device_baselines(alone).values()))
    return {"baselines": found, "all_gpu": gpu.name}


def _report(compiled: Mapping[Phase, _Phase], targets: Mapping[Phase, Target]) -> Json:
    return {
        "schema_version": REPORT_SCHEMA,
        "bundle": None,
        "target": _target_name(targets),
        "trained": {p.value: list(item.compiled.graph.trained) for p, item in compiled.items()},
        "phases": {phase.value: item.report for phase, item in compiled.items()},
    }


def _training(
    compiled: Mapping[Phase, _Phase], crossings: Sequence[Transition], options: Options
) -> Json:
    """Return what the training of `--steps` takes, here and on the GPU alone."""
    if not options.steps:
        return {}
    phases = {phase: item.compiled for phase, item in compiled.items()}
    cost = training_cost(phases, crossings, options.steps)
    reports = {phase.value: item.report for phase, item in compiled.items()}
    return {"training": asdict(cost) | {"all_gpu": all_gpu_training(cost, reports)}}


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
