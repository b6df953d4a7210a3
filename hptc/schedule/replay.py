"""Replays a schedule on names alone: every value is where and when an instruction needs it."""

from collections import Counter
from collections.abc import Iterable

from hptc.errors import VerifyError
from hptc.ir.graph import STEP_INPUTS, Graph, ValueKind
from hptc.schedule.model import Instruction, InstructionKind, Schedule


class Replay:
    """Which value lies on which device, and from when to when."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._fed = {value.name for value in graph.values if value.kind in STEP_INPUTS}
        self._resident: set[tuple[str, str]] = set()
        self._from_ns: dict[tuple[str, str], int] = {}
        self._used_ns: dict[tuple[str, str], int] = {}
        self._programmed_ns: dict[str, int] = {}
        """From when on each matrix can be read."""
        self._kept: set[tuple[str, str]] = set()

    def enter(self, instruction: Instruction) -> None:
        """Replay one instruction of the prologue."""
        device = instruction.device
        if instruction.kind is InstructionKind.LOAD:
            self._load(instruction)
        elif instruction.kind is InstructionKind.PROGRAM:
            self._program(instruction, at_ns=0)
        else:
            for made in self._evaluate(instruction, at_ns=0):
                self._place(device, made, 0)
        self._resident = set(self._from_ns)

    def _load(self, instruction: Instruction) -> None:
        value = self._graph.by_name.get(instruction.value)
        if value is None or value.kind is ValueKind.COMPUTED or value.name in self._fed:
            found = "no such value" if value is None else f"a value of kind {value.kind.value}"
            raise VerifyError(
                instruction.label,
                expected="a parameter, buffer, constant or optimizer state",
                found=found,
            )
        self._place(instruction.device, value.name, 0)

    def run(self, instruction: Instruction) -> None:
        """Replay one instruction of the step."""
        device, value = instruction.device, instruction.value
        if instruction.kind is InstructionKind.EXEC:
            self._check_programmed(instruction)
            for made in self._evaluate(instruction, at_ns=instruction.start_ns):
                self._place(device, made, instruction.end_ns)
                if made in self._graph.kept:
                    self._kept.add((device, made))
        elif instruction.kind is InstructionKind.TRANSFER:
            self._use(instruction, instruction.source, value, instruction.start_ns)
            self._place(device, value, instruction.end_ns)
        elif instruction.kind is InstructionKind.PROGRAM:
            self._use(instruction, device, value, instruction.start_ns)
            self._program(instruction, at_ns=instruction.end_ns)
        else:
            self._free(instruction)

    def _program(self, instruction: Instruction, *, at_ns: int) -> None:
        """A matrix that the step writes is not programmed at the entry, too: nothing reads that."""
        if self._programmed_ns.setdefault(instruction.resource, at_ns) != at_ns:
            raise VerifyError(
                instruction.label, expected=f"one PROGRAM of {instruction.resource}", found="two"
            )

    def _check_programmed(self, instruction: Instruction) -> None:
        if not instruction.reads_matrix or instruction.cells:
            return
        since = self._programmed_ns.get(instruction.resource)
        if since is None or since > instruction.start_ns:
            raise VerifyError(
                instruction.label,
                expected=f"a PROGRAM of {instruction.resource} before",
                found="none" if since is None else f"one until {since} ns",
            )

    def _evaluate(self, instruction: Instruction, *, at_ns: int) -> list[str]:
        """Check the inputs of the operations one by one; return what leaves the instruction."""
        inside: dict[str, None] = {}
        for name in instruction.ops:
            op = self._graph.op_by_name.get(name)
            if op is None:
                raise VerifyError(instruction.label, expected="operations of the graph", found=name)
            for value in op.inputs:
                if value not in inside:
                    self._use(instruction, instruction.device, value, at_ns)
            inside.update(dict.fromkeys(op.outputs))
        return [value for value in inside if self._leaves(value, instruction.ops)]

    def _leaves(self, value: str, ops: Iterable[str]) -> bool:
        members = set(ops)
        readers = self._graph.readers[value]
        return value in self._graph.kept or any(op.name not in members for op in readers)

    def _place(self, device: str, value: str, at_ns: int) -> None:
        """A value that arrives twice is there from the earlier arrival on."""
        known = self._from_ns.get((device, value), at_ns)
        self._from_ns[device, value] = min(known, at_ns)

    def _use(self, instruction: Instruction, device: str, value: str, at_ns: int) -> None:
        key = (device, value)
        if value in self._fed and instruction.kind is InstructionKind.EXEC:
            return
        since = self._from_ns.get(key)
        if since is None or since > at_ns:
            raise VerifyError(
                instruction.label,
                expected=f"{value} on {device} at {at_ns} ns",
                found="it absent there" if since is None else f"it there only from {since} ns on",
            )
        self._used_ns[key] = max(self._used_ns.get(key, 0), instruction.end_ns)

    def _free(self, instruction: Instruction) -> None:
        key = (instruction.device, instruction.value)
        self._use(instruction, *key, instruction.start_ns)
        if key in self._resident or self._used_ns[key] > instruction.start_ns:
            found = "it needed in every step" if key in self._resident else "it still in use"
            raise VerifyError(
                instruction.label, expected=f"{instruction.value} to be done with", found=found
            )
        del self._from_ns[key]

    def finish(self, schedule: Schedule) -> None:
        """Check what is left after the step, and that the epilogue reads back what changed."""
        left = set(self._from_ns) - self._resident - self._kept
        if left:
            device, value = min(left)
            raise VerifyError(
                f"end of the step on {device}", expected=f"a FREE of {value}", found="none"
            )
        there = {value for _, value in self._from_ns} | self._fed
        for named in self._graph.outputs:
            if named.value not in there:
                raise VerifyError(
                    f"output {named.name}", expected=f"{named.value} on a device", found="none"
                )
        self._check_updates()
        self._check_read_back(schedule)

    def _check_updates(self) -> None:
        for update in self._graph.updates:
            homes = [device for device, value in self._resident if value == update.state]
            if not homes:
                raise VerifyError(f"state {update.state}", expected="a LOAD of it", found="none")
            for home in homes:
                if (home, update.new) not in self._from_ns and update.new not in self._fed:
                    raise VerifyError(
                        f"end of the step on {home}",
                        expected=f"{update.new}, which {update.state} becomes",
                        found="it absent there",
                    )

    def _check_read_back(self, schedule: Schedule) -> None:
        changed = {update.state for update in self._graph.updates}
        returned = Counter(instruction.value for instruction in schedule.epilogue)
        for instruction in schedule.epilogue:
            if (instruction.device, instruction.value) not in self._resident:
                raise VerifyError(
                    instruction.label, expected="a state loaded there", found="it absent there"
                )
        for state in sorted(changed | set(returned)):
            if returned[state] != (state in changed):
                raise VerifyError(
                    f"epilogue, state {state}",
                    expected=f"{int(state in changed)} READ_BACK",
                    found=f"{returned[state]}",
                )
