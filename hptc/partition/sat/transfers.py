"""Values in the CP-SAT model of a scope: who waits for them, and the transfers that bring them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.sat.scope import Scope
from hptc.partition.tables import Pair

Key = tuple[int, int, int]
"""A value, the device that it comes from, and the one where it is read."""


@dataclass(frozen=True, slots=True)
class FreeTasks:
    """The variables of the tasks that are free."""

    makespan: cp_model.IntVar
    start: Mapping[int, cp_model.IntVar]
    end: Mapping[int, cp_model.LinearExpr]
    on: Mapping[int, Mapping[int, cp_model.IntVar]]
    """Whether each is on each device."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """A device that a value may come from: `when` is None for a certainty."""

    device: int
    when: cp_model.IntVar | None
    ready: cp_model.LinearExpr | int


@dataclass(frozen=True, slots=True)
class _Need:
    """A value of one origin, on one of the devices where it is read."""

    value: int
    origin: _Origin
    device: int
    readers: Sequence[tuple[int, cp_model.IntVar]]
    """Free tasks, each with whether it runs there."""
    tail: int | None
    """Longest path in ns from the later readers there, if there are any."""

    @property
    def key(self) -> Key:
        """What `Transfers` and the scope call it by."""
        return self.value, self.origin.device, self.device


class Transfers:
    """The values that free tasks make or read, and the transfers that bring them.

    Args:
        model: Takes variables and constraints.
        instance: The whole problem.
        scope: The free tasks and their surroundings.
        free: What the model has of the free tasks.
        horizon: Latest start of a transfer in ns.
    """

    def __init__(
        self,
        model: cp_model.CpModel,
        instance: Instance,
        scope: Scope,
        free: FreeTasks,
        horizon: int,
    ) -> None:
        self.sent: dict[Key, cp_model.IntVar] = {}
        """Whether a value is sent."""
        self.sent_at: dict[Key, cp_model.IntVar] = {}
        self._model, self._instance, self._scope = model, instance, scope
        self._free, self._horizon = free, horizon
        self._wires: dict[Pair, list[cp_model.IntervalVar]] = defaultdict(list)
        for v in self._touched_values():
            self._add_value(v)

    def add_exclusion(self) -> None:
        """Let every link carry one value at a time."""
        for ends, spans in self._wires.items():
            fixed = self._scope.wire_busy.get(ends, ())
            held = [self._model.new_fixed_size_interval_var(a, b - a, "") for a, b in fixed]
            self._model.add_no_overlap(spans + held)

    def _touched_values(self) -> Iterable[int]:
        instance, free = self._instance, self._scope.options
        touched = {v for task in free for v in (*instance.inputs[task], *instance.outputs[task])}
        return sorted(touched)

    def _origins(self, v: int) -> list[_Origin]:
        value, scope = self._instance.problem.values[v], self._scope
        if value.src in scope.options:
            ready: cp_model.LinearExpr | int = 0 if value.carried else self._free.end[value.src]
            return [_Origin(device, lit, ready) for device, lit in self._free.on[value.src].items()]
        when = 0 if value.carried else scope.made[value.src]
        place = self._instance.device[value.src][scope.fixed[value.src]]
        return [_Origin(place, None, when)]

    def _add_value(self, v: int) -> None:
        """Make readers wait for the source, or for the one transfer to their device."""
        value, read_tail = self._instance.problem.values[v], self._scope.read_tail
        readers: dict[int, list[tuple[int, cp_model.IntVar]]] = defaultdict(list)
        for reader in dict.fromkeys(value.readers):
            for device, lit in self._free.on.get(reader, {}).items():
                readers[device].append((reader, lit))
        devices = range(self._instance.devices)
        tails = {device: read_tail[v, device] for device in devices if (v, device) in read_tail}
        for origin in self._origins(v):
            for reader in {r for group in readers.values() for r, _ in group}:
                if reader != value.src and not value.carried:
                    self._model.add(self._free.start[reader] >= origin.ready)
            for device in sorted(readers.keys() | tails.keys()):
                self._add_need(_Need(v, origin, device, readers[device], tails.get(device)))

    def _add_need(self, need: _Need) -> None:
        """Bring a value to a device: it lies there, or a transfer that stays or a new one does."""
        origin = need.origin
        if need.device == origin.device:
            if need.tail is not None:
                self._imply(self._free.makespan >= origin.ready + need.tail, origin.when)
        elif need.key in self._scope.arrival:
            self._use_arrival(need, self._scope.arrival[need.key])
        elif self._length(need) == NO_LINK:
            self._bar(need)
        else:
            self._add_transfer(need)

    def _imply(
        self, relation: cp_model.BoundedLinearExpression | bool, *lits: cp_model.LiteralT | None
    ) -> None:
        present = [lit for lit in lits if lit is not None]
        self._model.add(relation).only_enforce_if(present)

    def _length(self, need: _Need) -> int:
        return self._instance.send[need.value][need.origin.device][need.device]

    def _use_arrival(self, need: _Need, done: int) -> None:
        """Make readers wait for a transfer that stays in place."""
        for reader, lit in need.readers:
            self._imply(self._free.start[reader] >= done, lit, need.origin.when)
        if need.tail is not None:
            self._imply(self._free.makespan >= done + need.tail, need.origin.when)

    def _bar(self, need: _Need) -> None:
        """Keep readers off a device to which no link leads."""
        away = _away(need.origin)
        for _, lit in need.readers:
            self._model.add_bool_or([lit.negated(), *away])
        if need.tail is not None:
            self._model.add_bool_or(away)

    def _add_transfer(self, need: _Need) -> None:
        """Add the transfer of a value from one device to another, present when it has a reader."""
        model, origin, length = self._model, need.origin, self._length(need)
        ends = origin.device, need.device
        sent, begin = model.new_bool_var(""), model.new_int_var(0, self._horizon, "")
        self._tie(need, sent)
        self._imply(begin >= origin.ready, sent)
        self._imply(begin >= self._scope.origin, sent)
        span = model.new_optional_fixed_size_interval_var(begin, length, sent, "")
        self._wires[ends].append(span)
        for reader, lit in need.readers:
            self._imply(self._free.start[reader] >= begin + length, sent, lit)
        for after in (need.tail, self._scope.wire_tail.get(ends)):
            if after is not None:
                self._imply(begin + length + after <= self._free.makespan, sent)
        self.sent[need.key], self.sent_at[need.key] = sent, begin

    def _tie(self, need: _Need, sent: cp_model.IntVar) -> None:
        """Let a value be sent where a reader needs it, and nowhere else."""
        model, origin, away = self._model, need.origin, _away(need.origin)
        for _, lit in need.readers:
            model.add_bool_or([lit.negated(), sent, *away])
        if need.key in self._scope.sent_tail:
            late = origin.ready + self._scope.sent_tail[need.key]
            self._imply(self._free.makespan >= late, sent.negated(), origin.when)
        elif need.tail is not None:
            model.add_bool_or([sent, *away])
        else:
            model.add_bool_or([sent.negated(), *(lit for _, lit in need.readers)])
        if origin.when is not None:
            model.add_implication(sent, origin.when)


def _away(origin: _Origin) -> list[cp_model.LiteralT]:
    """Return the literal that says the value does not come from there, if it may not."""
    return [] if origin.when is None else [origin.when.negated()]
