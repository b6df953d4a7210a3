"""Instructions, schedules, transitions and the compiled program. Data only.

A program is what a bundle holds: per phase the graph and its schedule, and for each pair of phases
how state crosses from one to the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hptc.ir.adapter import Adapter, Start
from hptc.ir.graph import Graph, Phase


class InstructionKind(Enum):
    """What an instruction does."""

    LOAD = "load"
    """Prologue: put a parameter, buffer, constant or optimizer state on a device."""
    FOLD = "fold"
    """Prologue: evaluate folded operations on a device."""
    PROGRAM = "program"
    """Write a matrix into crossbars: in the prologue, a trained one in the step when it arrives."""
    EXEC = "exec"
    """Step: run the operations of a task on a device."""
    TRANSFER = "transfer"
    """Step: copy a value from one device to another."""
    FREE = "free"
    """Step: drop a value from a device."""
    READ_BACK = "read-back"
    """Epilogue: return a state value from the device that holds it to the host."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a schedule."""

    kind: InstructionKind
    device: str
    """Where it takes effect (the destination of a transfer)."""
    start_ns: int
    end_ns: int
    energy_pj: float = 0.0
    task: str = ""
    ops: tuple[str, ...] = ()
    """Operations run, for EXEC and FOLD."""
    value: str = ""
    """Value moved, loaded, freed, programmed or read back."""
    source: str = ""
    """Device that a TRANSFER reads from."""
    resource: str = ""
    """What is occupied: the device, `device/matrix` on a spatial one (`*4` for four copies),
    `device#2` for one of several units, or `source->device`."""
    rows: tuple[int, int] | None = None
    """Rows of the chunk that an EXEC of a tiled step works on; None: all rows."""
    accumulate: bool = False
    """An EXEC that adds its chunk to what those before it made."""
    cells: int = 0
    """ReRAM cells written: by a PROGRAM, or by an EXEC that writes what it reads first."""

    @property
    def reads_matrix(self) -> bool:
        """Whether it occupies a matrix of a spatial device, which has to be programmed before."""
        return self.resource.startswith(f"{self.device}/")

    @property
    def subject(self) -> str:
        """What it is about: the task, the value, or the first operations."""
        return self.task or self.value or ", ".join(self.ops[:3])

    @property
    def place(self) -> str:
        """What is occupied, or where it takes effect if it occupies nothing."""
        link = f"{self.source}->{self.device}"
        return self.resource or (link if self.kind is InstructionKind.TRANSFER else self.device)

    @property
    def label(self) -> str:
        """The words by which messages name the instruction."""
        source = f"{self.source} to " if self.source else ""
        times = f"{self.start_ns}-{self.end_ns} ns"
        return f"{self.kind.name} {self.subject} ({source}{self.device}, {times})"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Instructions of one phase, each list in order of start."""

    phase: Phase
    prologue: tuple[Instruction, ...]
    step: tuple[Instruction, ...]
    epilogue: tuple[Instruction, ...]
    latency_ns: int
    """End of the step."""
    energy_pj: float
    """One step, static power included."""
    program_ns: float
    """Programming of the crossbars at phase entry."""
    program_pj: float


@dataclass(frozen=True, slots=True)
class Initialise:
    """Make a new parameter at a transition."""

    name: str
    shape: tuple[int, ...]
    start: Start
    seed: int = 0
    """Of the schemes that draw."""


@dataclass(frozen=True, slots=True)
class Transition:
    """How state crosses from phase `src` to phase `dst`."""

    src: Phase
    dst: Phase
    copies: Mapping[str, str]
    """Name in `dst` to name in `src`."""
    initialise: tuple[Initialise, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    """Of `src`, which `merge` folds into its weights."""
    merge: Graph | None = None
    """Its updates are applied to the state of `src` before the copies."""


@dataclass(frozen=True, slots=True)
class CompiledPhase:
    """One phase of a program."""

    graph: Graph
    schedule: Schedule
    target_toml: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The original model, read only by verification."""

    format: str
    """`onnx` or `pt2`."""
    data: bytes
    files: Mapping[str, bytes | memoryview] = field(default_factory=dict)
    """Weights that the model keeps in files beside it, by location."""


@dataclass(frozen=True)
class Bundle:
    """A compiled program, as saved to and loaded from `NAME.hptc`."""

    name: str
    options: Mapping[str, object]
    """Options of the compilation, as JSON values."""
    phases: Mapping[Phase, CompiledPhase]
    transitions: tuple[Transition, ...]
    weights: Mapping[str, NDArray[np.generic]]
    """Parameters, buffers and constants by value name, as they enter the first phase."""
    report: Mapping[str, object]
    """The object that `hptc compile --json` prints."""
    reference: Reference | None = None
    loss: bytes | None = None
    """A loss of the user's own as an exported program; None for one that has a name."""
    versions: Mapping[str, str] = field(default_factory=dict)
