"""The choice of modes of least period in one CP-SAT model.

Minimised is the largest load of a row, unit or link, under the constraints on modes. Where values
close cycles from step to step, each task of a cycle also has a time, and a reader of a carried
value may come a period before its source is done: no steady state does with less (a relaxation,
since times round the circle do not exclude each other).
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from ortools.sat.python import cp_model

from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.objective import LARGEST_NS, latest_end
from hptc.partition.period.fold import Key, units_of
from hptc.partition.period.recurrence import Recurrences
from hptc.partition.sat.cpsat import Run
from hptc.partition.sat.feasible import choice_model, read_choices

Load = list[tuple[cp_model.IntVar, int]]


class PeriodModel:
    """Modes of all tasks, and the period that they ask for.

    Args:
        instance: The tasks.
        recurrences: Their cycles.
        most_ns: A period that is known to be possible.
    """

    def __init__(self, instance: Instance, recurrences: Recurrences, most_ns: int) -> None:
        self._instance = instance
        self.model, self._lits = choice_model(instance)
        self._period = self.model.new_int_var(1, most_ns, "period")
        self._on = [self._on_devices(t, row) for t, row in enumerate(self._lits)]
        self._sent: dict[tuple[int, int, int], cp_model.IntVar] = {}
        for v in range(len(instance.problem.values)):
            self._add_transfers(v)
        for key, load in self._loads().items():
            self._add_load(units_of(instance, key), load, most_ns)
        self._add_loops()
        self._add_written()
        if recurrences.values:
            self._add_cycles(recurrences)
        self.model.minimize(self._period)

    def hint(self, modes: Sequence[int]) -> None:
        """Offer modes as the first solution."""
        for row, chosen in zip(self._lits, modes, strict=True):
            for mode, lit in enumerate(row):
                self.model.add_hint(lit, mode == chosen)

    def read(self, done: Run) -> tuple[list[int], int]:
        """Return the modes that a search found, and the period in ns that they ask for."""
        return read_choices(done.solver, self._lits), done.solver.value(self._period)

    def minimise_work(self, count: int) -> None:
        """Ask for the least time of `count` steps instead, as far as a sum can tell.

        All tasks and transfers of a step one after the other stand for the first step.
        """
        uses = list(chain(*self._loads().values()))
        lits, lengths = [lit for lit, _ in uses], [length for _, length in uses]
        work = cp_model.LinearExpr.weighted_sum(lits, lengths)
        self.model.minimize(work + (count - 1) * self._period)

    def _on_devices(self, task: int, lits: Sequence[cp_model.IntVar]) -> dict[int, cp_model.IntVar]:
        """Return a literal for each device of a task."""
        modes: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        for device, lit in zip(self._instance.device[task], lits, strict=True):
            modes[device].append(lit)
        found = {}
        for device, here in modes.items():
            found[device] = here[0]
            if len(here) > 1:
                found[device] = self.model.new_bool_var("")
                self.model.add(sum(here) == found[device])
        return found

    def _add_transfers(self, v: int) -> None:
        """A value is sent from the device of its source to each one where it has a reader."""
        instance, value = self._instance, self._instance.problem.values[v]
        readers = dict.fromkeys(value.readers)
        for source, made in self._on[value.src].items():
            for device in sorted({d for reader in readers for d in self._on[reader]} - {source}):
                if instance.send[v][source][device] == NO_LINK:
                    continue
                sent = self._sent[v, source, device] = self.model.new_bool_var("")
                for reader in readers:
                    if device in self._on[reader]:
                        read = self._on[reader][device]
                        self.model.add_bool_or(made.negated(), read.negated(), sent)

    def _loads(self) -> dict[Key, Load]:
        instance, found = self._instance, defaultdict[Key, Load](list)
        for task, row in enumerate(self._lits):
            for mode, lit in enumerate(row):
                found[instance.resource[task][mode]].append((lit, instance.duration[task][mode]))
        for (v, source, device), sent in self._sent.items():
            found[source, device].append((sent, instance.send[v][source][device]))
        return found

    def _add_load(self, units: int, load: Load, most_ns: int) -> None:
        """Keep a load within the period; of more units than integers hold, it is left out."""
        lits, lengths = zip(*load, strict=True)
        if units * most_ns < LARGEST_NS:
            work = cp_model.LinearExpr.weighted_sum(lits, lengths)
            self.model.add(work <= units * self._period)

    def _add_loops(self) -> None:
        """A task that waits for itself in the step before takes no longer than a period."""
        for value in self._instance.problem.values:
            if value.src in value.readers:
                lits, lengths = self._lits[value.src], self._instance.duration[value.src]
                self.model.add(cp_model.LinearExpr.weighted_sum(lits, lengths) <= self._period)

    def _add_written(self) -> None:
        """Crossbars are written and read in turn: with one reader that takes a period at most."""
        instance = self._instance
        for (v, _, device), sent in self._sent.items():
            value = instance.problem.values[v]
            written_ns = value.written(device).duration_ns
            for reader in dict.fromkeys(value.readers) if value.is_written(device) else ():
                for mode, lit in enumerate(self._lits[reader]):
                    if instance.device[reader][mode] == device:
                        least_ns = written_ns + instance.duration[reader][mode]
                        self.model.add(self._period >= least_ns).only_enforce_if(lit, sent)

    def _add_cycles(self, recurrences: Recurrences) -> None:
        """Give the tasks of cycles times that their values allow."""
        instance, model = self._instance, self.model
        horizon = latest_end(instance)
        start = {t: model.new_int_var(0, horizon, "") for t in recurrences.cycle_of}
        for v in recurrences.values:
            value = instance.problem.values[v]
            end = start[value.src] + cp_model.LinearExpr.weighted_sum(
                self._lits[value.src], instance.duration[value.src]
            )
            for reader in dict.fromkeys(value.readers):
                if not recurrences.has(value.src, reader):
                    continue
                begin = start[reader] + value.carried * self._period
                model.add(begin >= end)
                for source, made in self._on[value.src].items():
                    for device, read in self._on[reader].items():
                        length = instance.send[v][source][device]
                        if length > 0:
                            model.add(begin >= end + length).only_enforce_if(made, read)
