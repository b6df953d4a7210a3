"""Time and memory of capturing HpT's SWE model, in a process of its own.

Run as a module it captures the model in both training phases and prints one JSON object.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from benchmarks.applications.models import HEADS, SWE, build
from benchmarks.memory import peak_gib
from hptc.frontend.adapter_options import parse_adapter
from hptc.frontend.capture import Selection, capture
from hptc.frontend.recipe import Recipe
from hptc.frontend.torch import load_module
from hptc.ir.graph import Phase

LIMIT_S = 60.0
LIMIT_GIB = 6.0


@dataclass(frozen=True, slots=True)
class CaptureCost:
    """What one capture took."""

    parameters: int
    ops: dict[str, int]
    """By phase."""
    seconds: float
    """Export, and capture of both phases; not the start of the process."""
    peak_gib: float
    """Largest resident set of the process, the model's own weights included."""

    @property
    def missed(self) -> bool:
        """Tell whether a limit is passed."""
        return self.seconds > LIMIT_S or self.peak_gib > LIMIT_GIB


def measure() -> CaptureCost:
    """Capture in a child process, so that the peak is that of the capture alone."""
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, check=True)
    return CaptureCost(**json.loads(done.stdout))


def _capture() -> CaptureCost:
    case = build(SWE, SWE.paper)
    started = time.monotonic()
    model = load_module(case.model, case.inputs)
    phases, heads = (Phase.FULL, Phase.LOW), Selection(train=HEADS)
    found = capture(model, phases, Recipe(), parse_adapter("lora"), heads)
    return CaptureCost(
        parameters=sum(parameter.numel() for parameter in case.model.parameters()),
        ops={phase.value: len(graph.ops) for phase, graph in found.graphs.items()},
        seconds=time.monotonic() - started,
        peak_gib=peak_gib(),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_capture())))
