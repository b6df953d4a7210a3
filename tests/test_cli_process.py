"""What needs a process of its own: imports, Ctrl-C, a reader that goes away."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command_line import SCRIPT, WIND, hptc_process, start
from tests.conftest import Compiled

HEAVY = ("torch", "onnx", "onnxruntime", "ortools", "scipy")


@pytest.mark.parametrize("arguments", [["--help"], ["compile", "--help"], ["target", "list"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    assert not imported(arguments) & set(HEAVY)


def test_inspect_imports_no_torch(tmp_path: Path, small: Compiled) -> None:
    arguments = ["inspect", str(small.path), "-o", str(tmp_path / "page.html")]
    assert not imported(arguments) & {"torch", "onnx", "onnxruntime", "ortools"}
    assert (tmp_path / "page.html").is_file()


def imported(arguments: list[str]) -> set[str]:
    """Return the top-level modules that a command loads."""
    code = (
        "import json, sys\nfrom hptc.cli.app import app\n"
        "try:\n    app()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print(json.dumps([name for name in sys.modules if '.' not in name]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_version(tmp_path: Path) -> None:
    assert hptc_process("--version", cwd=tmp_path).out.startswith("hptc 0.")


@pytest.mark.parametrize("after_s", [0.6, 2.0])
def test_interrupted_before_solving(after_s: float, tmp_path: Path) -> None:
    process = start(["compile", WIND, "-o", "m.hptc"], tmp_path)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert len(err.splitlines()) <= 1
    assert "Internal" not in err
    assert not list(tmp_path.iterdir())


def test_interrupted_solver_keeps_its_best(tmp_path: Path) -> None:
    """The last pass dumped is the last thing printed before the solver starts."""
    arguments = ["compile", str(WIND), "-o", "m.hptc", "--phases", "full", "--time-limit", "300"]
    process = start([*arguments, "--dump-ir-after", "fuse-chains"], tmp_path)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("// after fuse-chains"):
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert "Traceback" not in err
    if process.returncode == 0:
        assert "interrupted: the best solutions found so far are kept" in err
        assert [path.name for path in tmp_path.iterdir()] == ["m.hptc"]
    else:
        assert process.returncode == 130, err
        assert not list(tmp_path.iterdir())


def test_an_interrupted_solve_prints_its_best(tmp_path: Path) -> None:
    problem = tmp_path / "layers.json"
    problem.write_text(json.dumps(layers(12, 10)))
    process = start(["solve", problem, "--time-limit", "300", "--json"], tmp_path)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:
        assert err == "hptc: warning: interrupted: the best solutions found so far are kept\n"
        assert len(json.loads(out)["assignment"]) == 120
    else:
        assert (process.returncode, out) == (130, ""), err


def layers(depth: int, width: int) -> dict[str, object]:
    """Return a graph that takes longer to solve than anyone waits: each task reads two before."""
    tasks = [{"id": i, "cost": [7 + i * 37 % 29, 7 + i * 53 % 31]} for i in range(depth * width)]
    edges = [
        {"src": i - width, "dst": i - i % width + (i + shift) % width, "bytes": 5}
        for i in range(width, depth * width)
        for shift in (0, 3)
    ]
    links = [{"src": a, "dst": 1 - a, "bw_bytes_per_ns": 1, "latency_ns": 4} for a in (0, 1)]
    return {"devices": ["a", "b"], "links": links, "tasks": tasks, "edges": edges}


@pytest.mark.parametrize("arguments", [["target", "list"], ["target", "schema"]])
def test_reader_goes_away(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [SCRIPT, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "passes"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "hptc: output: No space left on device.\n"


def test_closed_stdout() -> None:
    done = subprocess.run(
        f"'{SCRIPT}' passes >&-", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "hptc: output: stdout is closed.\n")
