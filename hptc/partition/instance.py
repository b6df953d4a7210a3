"""A problem prepared for the solvers: topological order, resources and transfer times.

Resources are the rows on which tasks exclude each other: one per matrix of a spatial device (tasks
there that name no matrix share one more), one for every other device, with all of its units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hptc.partition.graph import TaskGraph
from hptc.partition.groups import common
from hptc.partition.memory.lasting import bytes_at_work, lasting_bytes, limited_memories
from hptc.partition.tables import Pair, Sending, longest_sends
from hptc.partition.variants import Family, families, water_filled

MOST_PAIRS = 4_000_000
"""Pairs of modes at values that can be looked at one by one: some seconds, some 100 MB."""
NO_LINK = -1
"""Entry of `Instance.send` for a pair of devices without a link."""


@dataclass(frozen=True)
class Instance(TaskGraph):
    """Lookup tables of one problem, on top of those of its graph; positions as in the problem.

    `send[v][a][b]` is the time in ns to send value v from device a to device b: 0 on the same
    device, `NO_LINK` where there is no link.
    """

    device: tuple[tuple[int, ...], ...]
    duration: tuple[tuple[int, ...], ...]
    resource: tuple[tuple[int, ...], ...]
    resources: tuple[tuple[int, int | None], ...]
    """(device, matrix) of every resource."""
    link_of: dict[Pair, int]
    """Position of the link from a device to another."""
    send: tuple[Sending, ...]
    groups: tuple[tuple[int, ...], ...]
    """Disjoint groups of tasks that share a device, several in each."""

    @cached_property
    def devices(self) -> int:
        """Number of devices."""
        return len(self.problem.devices)

    @cached_property
    def units(self) -> tuple[int, ...]:
        """How many tasks each resource runs at a time, as many as there are at most."""
        counts = [self.problem.devices[device].count for device, _ in self.resources]
        return tuple(map(min, counts, self.users))

    @cached_property
    def users(self) -> tuple[int, ...]:
        """How many tasks can use each resource."""
        found = [0] * len(self.resources)
        for rows in self.resource:
            for row in set(rows):
                found[row] += 1
        return tuple(found)

    @cached_property
    def mates(self) -> dict[int, tuple[int, ...]]:
        """The group of each task that is in one."""
        return {task: group for group in self.groups for task in group}

    @cached_property
    def options(self) -> tuple[tuple[int, ...], ...]:
        """Modes each task may take: with room for it alone, on devices all of its group can use."""
        found = [
            tuple(mode for mode in range(len(row)) if self._has_room(task, mode))
            for task, row in enumerate(self.device)
        ]
        for group in self.groups:
            usable = set.intersection(
                *({self.device[task][mode] for mode in found[task]} for task in group)
            )
            for task in group:
                row = self.device[task]
                found[task] = tuple(mode for mode in found[task] if row[mode] in usable)
        return tuple(found)

    @cached_property
    def memories(self) -> dict[int, int]:
        """Bytes of each device that could not hold all values and residents at once."""
        return limited_memories(self.problem)

    @cached_property
    def least_bytes(self) -> tuple[int, ...]:
        """What a device holds while it runs each task: what that reads and makes."""
        return bytes_at_work(self.problem)

    def _has_room(self, task: int, mode: int) -> bool:
        memory = self.memories.get(self.device[task][mode])
        return memory is None or not self.duration[task][mode] or self.least_bytes[task] <= memory

    @cached_property
    def mode_on(self) -> tuple[dict[int, int], ...]:
        """Device to mode position, for each task; of several, what water-filling gives it.

        Where there is no room for that, one of `options`.
        """
        found: list[dict[int, int]] = [{} for _ in self.device]
        for (task, device), mode in water_filled(self.problem, self.families).items():
            found[task][device] = mode
        for task, row in enumerate(self.options if self.memories else ()):
            for mode in row:
                place = self.device[task][mode]
                if not self._has_room(task, found[task][place]):
                    found[task][place] = mode
        return tuple(found)

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Matrices of which tasks may choose one."""
        return families(self.problem)

    @cached_property
    def usual(self) -> tuple[tuple[int, ...], ...]:
        """Of `options`, one mode on each device."""
        return tuple(
            tuple(mode for mode in row if mode_on[places[mode]] == mode)
            for row, places, mode_on in zip(self.options, self.device, self.mode_on, strict=True)
        )

    @cached_property
    def capacities(self) -> dict[int, int]:
        """Crossbars of each spatial device whose matrices do not all fit at once."""
        total = dict.fromkeys(range(self.devices), 0)
        for row, (device, _) in enumerate(self.resources):
            total[device] += self.crossbars_of(row)
        capacity = {d: device.capacity_crossbars for d, device in enumerate(self.problem.devices)}
        return {d: c for d, c in capacity.items() if c is not None and total[d] > c}

    @cached_property
    def is_complete(self) -> bool:
        """Whether every transfer that could be needed has a link."""
        ends = {
            (self.device[value.src], self.device[reader])
            for value in self.problem.values
            for reader in value.readers
        }
        pairs = {(a, b) for sources, sinks in ends for a in sources for b in sinks if a != b}
        return pairs <= self.link_of.keys()

    @cached_property
    def longest_sends(self) -> tuple[int, ...]:
        """The longest time in ns to send each value over any link."""
        return longest_sends(self.problem)

    @cached_property
    def pairs(self) -> int:
        """How many pairs of modes meet at values."""
        return sum(
            len(self.device[value.src]) * len(self.device[reader])
            for value in self.problem.values
            for reader in value.readers
        )

    @property
    def is_dense(self) -> bool:
        """Whether so many pairs of modes meet at values that looking at each takes too long."""
        return self.pairs > MOST_PAIRS

    def places(self, modes: Sequence[int]) -> list[int]:
        """Return the device of each task in given modes."""
        return [row[mode] for row, mode in zip(self.device, modes, strict=True)]

    def crossbars_of(self, row: int) -> int:
        """Return the crossbars that the matrix of a resource takes; none if it has no matrix."""
        matrix = self.resources[row][1]
        return 0 if matrix is None else self.problem.matrices[matrix].crossbars

    def crossbars_used(self, modes: Sequence[int], device: int) -> int:
        """Return the crossbars that the matrices used on a device take."""
        rows = {row[mode] for row, mode in zip(self.resource, modes, strict=True)}
        return sum(self.crossbars_of(row) for row in rows if self.resources[row][0] == device)

    def settled(self, modes: Sequence[int]) -> list[int]:
        """Return options near `modes`; each group shares the device that most of its tasks had."""
        found = list(modes)
        if self.memories:
            for task, options in enumerate(self.options):
                if modes[task] not in options:
                    found[task] = min(options, key=self.duration[task].__getitem__)
        for group in self.groups:
            device = common(self.device, self.options, group, modes)
            for task in group:
                if self.device[task][found[task]] != device:
                    found[task] = self.mode_on[task][device]
        return found

    def admits(self, modes: Sequence[int]) -> bool:
        """Return whether modes keep groups together and capacities, and have all their links.

        Of memory, only what one task alone needs and what lies there throughout is looked at.
        """
        if self.memories and not self._has_lasting_room(modes):
            return False
        for group in self.groups:
            if len({self.device[task][modes[task]] for task in group}) > 1:
                return False
        if any(self.crossbars_used(modes, d) > c for d, c in self.capacities.items()):
            return False
        if self.is_complete:
            return True
        at = self.places(modes)
        return all(
            self.send[v][at[value.src]][at[reader]] != NO_LINK
            for v, value in enumerate(self.problem.values)
            for reader in value.readers
        )

    def _has_lasting_room(self, modes: Sequence[int]) -> bool:
        if any(mode not in self.options[task] for task, mode in enumerate(modes)):
            return False
        held = lasting_bytes(self.problem, self.places(modes))
        return all(held[device] <= memory for device, memory in self.memories.items())
