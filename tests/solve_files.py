"""Problems written as files for `hptc solve`, and their answers, which are checked."""

import json
from pathlib import Path
from typing import Any

from tests.command_line import hptc


def task(task_id: int | str, *cost: float | None) -> dict[str, Any]:
    """Return a task in the bare form."""
    return {"id": task_id, "cost": list(cost)}


def edge(src: int | str, dst: int | str, size: int = 4) -> dict[str, Any]:
    """Return an edge in the bare form."""
    return {"src": src, "dst": dst, "bytes": size}


def problem(**changes: object) -> dict[str, Any]:
    """Return two tasks on two devices that are linked one way, with changes."""
    link = {"src": 0, "dst": 1, "bw_bytes_per_ns": 1.0, "latency_ns": 1}
    bare = {
        "devices": ["x", "y"],
        "links": [link],
        "tasks": [task("a", 3, None), task("b", None, 5)],
        "edges": [edge("a", "b")],
    }
    return bare | changes


def write(folder: Path, content: object, name: str = "p.json") -> Path:
    """Write JSON, or text as it is."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def solved(path: Path, *options: str) -> dict[str, Any]:
    """Return the answer of a problem that has one, after its check."""
    done = hptc("solve", path, "--json", *options)
    assert done.code == 0, done.err
    answer = path.with_suffix(".answer")
    answer.write_text(done.out)
    checked = hptc("solve", path, "--check", answer, *options)
    assert checked.code == 0, checked.err
    found: dict[str, Any] = json.loads(done.out)
    return found


W = {"name": "w", "device": "reram", "crossbars": 5}
RERAM = {"name": "reram", "capacity_crossbars": 4}
READS = {"id": "a", "modes": [{"device": "reram", "duration_ns": 1, "matrix": "w"}]}
