"""The project's own steps as problems: a folder's models, and HpT's SWE and weather models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.applications.models import HEADS, SWE, WEATHER, build
from benchmarks.model_folder import models_of
from benchmarks.partitioner.cases import Case, time_for
from cost_models.load import load_target
from cost_models.price import price
from hptc.frontend.adapter_options import parse_adapter
from hptc.frontend.capture import Selection, capture
from hptc.frontend.losses import parse_loss
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import read_source
from hptc.frontend.torch import Model, load_module
from hptc.ir.graph import Graph, Phase
from hptc.ir.tasks import tasks_of
from hptc.partition.problem import Problem
from hptc.schedule.pose import Posed, pose
from passes import PIPELINE, run_passes

TARGETS = ("hybrid", "hybrid-stack")
ADAPTER = "lora"


def station_steps(phase: Phase) -> Iterator[tuple[str, Graph]]:
    """Yield the steps of HpT's SWE and weather models at their published sizes."""
    for application in (SWE, WEATHER):
        case = build(application, application.paper)
        model = load_module(case.model, case.inputs)
        yield application.name, _step(model, phase, Recipe(), Selection(train=HEADS))


def model_steps(folder: Path, phase: Phase) -> Iterator[tuple[str, Graph]]:
    """Yield the steps of the ONNX models of a folder."""
    for found in models_of(folder):
        model = read_source(found.path, None, {}, Selection()).model
        recipe = Recipe(loss=parse_loss(found.loss))
        yield found.path.stem, _step(model, phase, recipe, Selection())


def _step(model: Model, phase: Phase, recipe: Recipe, kept: Selection) -> Graph:
    captured = capture(model, (phase,), recipe, parse_adapter(ADAPTER), kept)
    return run_passes(captured.graphs[phase], PIPELINE)


def posed_on(graph: Graph, target_name: str) -> Posed:
    """Return the problem that a step is on a built-in target."""
    target, tasks = load_target(target_name), tasks_of(graph)
    return pose(graph, tasks, price(graph, tasks, target), target)


def step_cases(folder: Path | None, phase: Phase) -> Iterator[Case]:
    """Yield all steps on both hybrid targets."""
    models = model_steps(folder, phase) if folder else ()
    for steps in (models, station_steps(phase)):
        for name, graph in steps:
            for target in TARGETS:
                problem = posed_on(graph, target).problem
                title = f"{name} {phase.value} {target}"
                yield Case(title, problem, time_for(len(problem.tasks)))


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem in the form that `docs/problem.md` describes."""
    device = [found.name for found in problem.devices]
    matrix = [f"{index} {found.name}" for index, found in enumerate(problem.matrices)]
    return {
        "devices": [
            {
                "name": found.name,
                "count": found.count,
                "static_power_pj_per_ns": found.static_power_pj_per_ns,
            }
            | _known(capacity_crossbars=found.capacity_crossbars)
            for found in problem.devices
        ],
        "links": [
            {
                "src": link.src,
                "dst": link.dst,
                "bw_bytes_per_ns": link.bandwidth_bytes_per_ns,
                "latency_ns": link.latency_ns,
                "energy_pj_per_byte": link.energy_pj_per_byte,
            }
            for link in problem.links
        ],
        "matrices": [
            {"name": name, "device": device[found.device], "crossbars": found.crossbars}
            for name, found in zip(matrix, problem.matrices, strict=True)
        ],
        "tasks": [
            {
                "id": index,
                "name": task.name,
                "modes": [
                    {
                        "device": device[mode.device],
                        "duration_ns": mode.duration_ns,
                        "energy_pj": mode.energy_pj,
                    }
                    | _known(matrix=None if mode.matrix is None else matrix[mode.matrix])
                    for mode in task.modes
                ],
            }
            for index, task in enumerate(problem.tasks)
        ],
        "values": [
            {
                "src": value.src,
                "readers": value.readers,
                "bytes": value.bytes,
                "carried": value.carried,
            }
            for value in problem.values
        ],
        "together": problem.together,
    }


def _known(**pairs: object) -> dict[str, object]:
    return {key: value for key, value in pairs.items() if value is not None}
