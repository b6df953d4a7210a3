"""The CP-SAT model of a scope: an optional interval per mode, and the transfers between them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from ortools.sat.python import cp_model

from hptc.partition.decode import Schedule
from hptc.partition.instance import Instance
from hptc.partition.sat.capacity import add_capacities
from hptc.partition.sat.scope import Scope
from hptc.partition.sat.transfers import FreeTasks, Transfers


class ScheduleModel:
    """Variables and constraints of one scope.

    Constraint families: one mode per free task; groups share a device; rows (devices, matrices) and
    links carry one item at a time, or as many as they have units; readers wait for their values;
    matrices fit; tails end by the makespan.
    """

    def __init__(self, instance: Instance, scope: Scope, horizon: int) -> None:
        self.instance, self.scope = instance, scope
        self.model = cp_model.CpModel()
        self.makespan = self.model.new_int_var(min(scope.floor, horizon), horizon, "makespan")
        self.start: dict[int, cp_model.IntVar] = {}
        self.end: dict[int, cp_model.LinearExpr] = {}
        self.chosen: dict[int, dict[int, cp_model.IntVar]] = {}
        self._on: dict[int, dict[int, cp_model.IntVar]] = {}
        """Whether each free task is on each device."""
        self._horizon = horizon
        self._rows: dict[int, list[cp_model.IntervalVar]] = defaultdict(list)
        for task in scope.options:
            self._add_task(task)
        free = FreeTasks(self.makespan, self.start, self.end, self._on)
        transfers = Transfers(self.model, instance, scope, free, horizon)
        self.sent, self.sent_at = transfers.sent, transfers.sent_at
        """Of each (value, source device, destination) whether it is sent, and when."""
        self._add_groups()
        self._add_exclusion()
        transfers.add_exclusion()
        add_capacities(self.model, instance, self.chosen, scope.held)

    def _add_task(self, task: int) -> None:
        """Add one start, and one optional interval per mode of which exactly one is present.

        Intervals of fixed size: where those of a task share a variable of its end, CP-SAT 9.15
        proves optima that are none (see its test).
        """
        model, scope, instance = self.model, self.scope, self.instance
        start = model.new_int_var(0, self._horizon, "")
        lits = {mode: model.new_bool_var("") for mode in scope.options[task]}
        model.add_exactly_one(lits.values())
        duration = instance.duration[task]
        end = start + cp_model.LinearExpr.sum([duration[mode] * lit for mode, lit in lits.items()])
        model.add(end <= self.makespan)
        for mode, lit in lits.items():
            row = instance.resource[task][mode]
            span = model.new_optional_fixed_size_interval_var(start, duration[mode], lit, "")
            self._rows[row].append(span)
            is_unary = instance.units[row] == 1
            ready = scope.row_ready.get(row, 0) if is_unary else scope.origin
            if ready:
                model.add(start >= ready).only_enforce_if(lit)
            if is_unary and (row, 0) in scope.row_tail:
                late = start + duration[mode] + scope.row_tail[row, 0]
                model.add(late <= self.makespan).only_enforce_if(lit)
        self.start[task], self.end[task], self.chosen[task] = start, end, lits
        self._on[task] = self._on_devices(task)

    def _on_devices(self, task: int) -> dict[int, cp_model.IntVar]:
        """Return a literal for each device: that of its mode, or one that several modes imply."""
        by_device: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        for mode, lit in self.chosen[task].items():
            by_device[self.instance.device[task][mode]].append(lit)
        found = {}
        for device, (first, *others) in by_device.items():
            found[device] = self.model.new_bool_var("") if others else first
            if others:
                self.model.add_exactly_one([first, *others, found[device].negated()])
        return found

    def _add_groups(self) -> None:
        """Give the free tasks of each group one device."""
        for group in self.instance.groups:
            free = [self._on[task] for task in group if task in self._on]
            for first, other in pairwise(free):
                for device in sorted(first.keys() | other.keys()):
                    self.model.add(first.get(device, 0) == other.get(device, 0))

    def _add_exclusion(self) -> None:
        """Let every row carry one task at a time, or as many as it has units."""
        for row, spans in self._rows.items():
            if self.instance.units[row] == 1:
                self.model.add_no_overlap(spans)
            elif self.instance.units[row] < self.instance.users[row]:
                held = [*spans, *self._held_units(row)]
                self.model.add_cumulative(held, [1] * len(held), self.instance.units[row])

    def _held_units(self, row: int) -> Iterable[cp_model.IntervalVar]:
        """Yield when the surroundings hold a unit: early tasks first, late ones up to the end."""
        for begin, end in self.scope.row_busy.get(row, ()):
            yield self.model.new_fixed_size_interval_var(begin, end - begin, "")
        for unit in range(self.instance.units[row]):
            tail = self.scope.row_tail.get((row, unit))
            if tail:
                yield self.model.new_fixed_size_interval_var(self.makespan - tail, tail, "")

    def hint(self, schedule: Schedule) -> None:
        """Offer a schedule as the first solution."""
        model = self.model
        model.add_hint(self.makespan, schedule.makespan)
        for task, lits in self.chosen.items():
            model.add_hint(self.start[task], schedule.start[task])
            for mode, lit in lits.items():
                model.add_hint(lit, mode == schedule.modes[task])
        for key, sent in self.sent.items():
            v, source, device = key
            begin = schedule.sends.get((v, device))
            used = begin is not None and source == self.source(v, schedule)
            used = used and key not in self.scope.sent_tail
            model.add_hint(sent, used)
            model.add_hint(self.sent_at[key], begin if used and begin is not None else 0)

    def source(self, v: int, schedule: Schedule) -> int:
        """Return the device that makes a value in a schedule."""
        src = self.instance.problem.values[v].src
        return self.instance.device[src][schedule.modes[src]]

    def read(
        self, solver: cp_model.CpSolver
    ) -> tuple[Mapping[int, int], Mapping[int, int], dict[tuple[int, int], int]]:
        """Return modes and starts of the free tasks, and the starts of the new transfers."""
        modes = {
            task: next(mode for mode, lit in lits.items() if solver.boolean_value(lit))
            for task, lits in self.chosen.items()
        }
        starts = {task: solver.value(var) for task, var in self.start.items()}
        sends = {
            (v, device): solver.value(self.sent_at[v, source, device])
            for (v, source, device), sent in self.sent.items()
            if solver.boolean_value(sent)
        }
        return modes, starts, sends
