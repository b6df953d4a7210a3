"""Executes a schedule instruction by instruction, one memory per device."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from hptc.errors import InvalidInputError, UsageError, VerifyError
from hptc.ir.graph import STEP_INPUTS, Graph, Value
from hptc.runtime.instructions import Context, compile_instruction
from hptc.runtime.kernels import Memory, Numerics
from hptc.runtime.tensors import TORCH_DTYPES
from hptc.schedule.model import InstructionKind, Schedule

EXACT: Mapping[str, Numerics] = MappingProxyType({})
"""Every device computes exactly."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step yields, in tensors of the caller's own."""

    outputs: Mapping[str, Tensor]
    """By label: `loss` (absent in `infer`) and `output`."""
    watched: Mapping[str, Tensor]
    """By value name."""
    instructions: int
    """Instructions executed."""


class Machine:
    """The devices of a target, running the schedule of one phase.

    An instruction finds its inputs in the memory of its own device or among the inputs of the step,
    nowhere else, so a schedule that lacks a copy fails instead of computing the right thing.
    """

    def __init__(
        self, graph: Graph, schedule: Schedule, numerics: Mapping[str, Numerics] = EXACT
    ) -> None:
        """Resolve every operation once.

        Args:
            graph: The graph of the phase.
            schedule: Its schedule.
            numerics: Per device name how it computes; a device left out is exact.

        Raises:
            UnsupportedOpError: torch lacks an operation.
            VerifyError: An instruction is malformed.
        """
        self._graph = graph
        self._schedule = schedule
        self._prologue = [compile_instruction(graph, i, numerics) for i in schedule.prologue]
        self._step = [compile_instruction(graph, i, numerics) for i in schedule.step]
        every = (*schedule.prologue, *schedule.step, *schedule.epilogue)
        names = {name for i in every for name in (i.device, i.source) if name}
        self._memories: dict[str, Memory] = {name: {} for name in sorted(names)}
        self._programmed: set[str] = set()
        self._residents: Mapping[str, frozenset[str]] | None = None
        """What stays on each device from step to step; None before a phase is entered."""
        becomes = graph.becomes
        self._commits = tuple(
            (i.device, i.value, becomes[i.value])
            for i in schedule.prologue
            if i.kind is InstructionKind.LOAD and i.value in becomes
        )

    def enter(self, state: Mapping[str, Tensor]) -> None:
        """Run the prologue: load, fold, program.

        Args:
            state: Parameters, buffers, constants and optimizer state by value name. They are
                copied; names that the schedule does not load are ignored.

        Raises:
            InvalidInputError: A value is missing or of the wrong shape or element type.
        """
        loads = [i.value for i in self._schedule.prologue if i.kind is InstructionKind.LOAD]
        held = {name: self._checked(name, state) for name in dict.fromkeys(loads)}
        for memory in self._memories.values():
            memory.clear()
        self._programmed.clear()
        context = Context(self._memories, self._programmed, held)
        with torch.no_grad():
            for act in self._prologue:
                act(context)
        self._residents = {device: frozenset(names) for device, names in self._memories.items()}

    def step(self, inputs: Mapping[str, Tensor], watch: Collection[str] = ()) -> StepResult:
        """Run one step. If it fails, the state is what it was before.

        Args:
            inputs: The batch and the hyperparameters by value name; those that the graph does not
                read may be left out.
            watch: Values to return besides the outputs, e.g. gradients, by name.

        Raises:
            InvalidInputError: An input is missing, unknown, or of the wrong shape or element type.
            UsageError: A watched value is not in the graph, or nothing was entered.
            VerifyError: An instruction does not find a value on its device.
        """
        self._check_ready(watch)
        context = Context(self._memories, self._programmed, self._fed(inputs), frozenset(watch))
        try:
            with torch.no_grad():
                for act in self._step:
                    act(context)
            outputs = {o.name: self._find(o.value, context).clone() for o in self._graph.outputs}
            watched = {name: self._find(name, context).clone() for name in watch}
            news = [self._new(device, new, context) for device, _, new in self._commits]
        finally:
            self._drop_transient()
        for (device, state, _), tensor in zip(self._commits, news, strict=True):
            self._memories[device][state] = tensor
        return StepResult(outputs, watched, len(self._step))

    def leave(self) -> dict[str, Tensor]:
        """Run the epilogue: return copies of the updated state. More steps may follow.

        Raises:
            UsageError: Nothing was entered.
        """
        self._check_ready()
        return {i.value: self._memories[i.device][i.value].clone() for i in self._schedule.epilogue}

    def _check_ready(self, watch: Collection[str] = ()) -> None:
        if self._residents is None:
            raise UsageError("machine", expected="a phase that was entered", found="none")
        for name in watch:
            if name not in self._graph.by_name:
                raise UsageError(f"watch {name}", expected="a value of the graph", found="none")

    def _fed(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        known = {value.name: value for value in self._graph.values if value.kind in STEP_INPUTS}
        for name in inputs:
            if name not in known:
                raise InvalidInputError(
                    f"input {name}",
                    expected=f"one of {', '.join(known) or 'no inputs'}",
                    found="a name that the graph does not have",
                )
        needed = {name for name in known if self._graph.readers[name] or name in self._graph.kept}
        return {name: self._checked(name, inputs) for name in known if name in needed | set(inputs)}

    def _checked(self, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
        value = self._graph.by_name[name]
        tensor = tensors.get(name)
        if tensor is None:
            raise InvalidInputError(f"input {name}", expected=_spelled(value), found="none")
        if tuple(tensor.shape) != value.shape or tensor.dtype != TORCH_DTYPES[value.dtype]:
            dtype = str(tensor.dtype).removeprefix("torch.")
            found = f"{dtype}{list(tensor.shape)}"
            raise InvalidInputError(f"input {name}", expected=_spelled(value), found=found)
        return tensor.detach().clone()

    def _find(self, name: str, context: Context) -> Tensor:
        """A value after the step, wherever it lies."""
        if name in context.watched:
            return context.watched[name]
        for memory in (*self._memories.values(), context.fed):
            if name in memory:
                return memory[name]
        raise VerifyError(f"end of the step, {name}", expected="it on a device", found="it on none")

    def _new(self, device: str, name: str, context: Context) -> Tensor:
        found = self._memories[device].get(name, context.fed.get(name))
        if found is None:
            raise VerifyError(
                f"end of the step on {device}", expected=name, found="it absent there"
            )
        return found

    def _drop_transient(self) -> None:
        residents = self._residents or {}
        for device, memory in self._memories.items():
            for name in memory.keys() - residents[device]:
                del memory[name]


def _spelled(value: Value) -> str:
    return f"{value.dtype.value}{list(value.shape)}"
