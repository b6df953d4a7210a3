"""Problems in the form that `hptc solve` reads."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hptc.partition.problem import Problem, Task


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
            | _known(capacity_crossbars=found.capacity_crossbars, memory_bytes=found.memory_bytes)
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
            {"id": index} | _task(task, device, matrix) for index, task in enumerate(problem.tasks)
        ],
        "values": [
            {
                "src": value.src,
                "readers": value.readers,
                "bytes": value.bytes,
                "carried": value.carried,
                "writes": [
                    asdict(write) | {"device": device[write.device]} for write in value.writes
                ],
            }
            for value in problem.values
        ],
        "together": problem.together,
        "residents": [
            {"readers": resident.readers, "bytes": resident.bytes} for resident in problem.residents
        ],
    }


def _task(task: Task, device: Sequence[str], matrix: Sequence[str]) -> dict[str, object]:
    modes = [
        {
            "device": device[mode.device],
            "duration_ns": mode.duration_ns,
            "energy_pj": mode.energy_pj,
        }
        | _known(matrix=None if mode.matrix is None else matrix[mode.matrix])
        for mode in task.modes
    ]
    known = _known(block=task.block, recompute=task.recompute or None)
    return {"name": task.name, "modes": modes} | known


def _known(**pairs: object) -> dict[str, object]:
    return {key: value for key, value in pairs.items() if value is not None}
