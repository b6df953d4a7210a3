"""Room on devices of limited memory, taken in the order of time."""

import heapq
from collections import defaultdict
from collections.abc import Sequence

from hptc.partition.instance import Instance
from hptc.partition.memory.lasting import lasting_bytes


class Room:
    """What lies on the devices of limited memory, as of the last time that something was added."""

    def __init__(self, instance: Instance, at: Sequence[int]) -> None:
        self._values = instance.problem.values
        self._memory = instance.memories
        self._held = lasting_bytes(instance.problem, at)
        self._now = dict.fromkeys(self._memory, 0)
        self._ends: dict[int, list[tuple[int, int]]] = {device: [] for device in self._memory}
        self._users: dict[tuple[int, int], int] = {}
        self._until: dict[tuple[int, int], int] = defaultdict(int)
        for v, value in enumerate(self._values):
            home = at[value.src]
            places = [at[reader] for reader in set(value.readers) - {value.src}]
            for device in set(places) & self._memory.keys():
                self._users[v, device] = places.count(device)
            if value.carried:
                self._users.pop((v, home), None)
            elif home in self._memory:
                others = len(set(places) - {home})
                self._users[v, home] = self._users.get((v, home), 0) + 1 + others

    def take(self, device: int, size: int, ready: int) -> int | None:
        """Take room for `size` bytes, at `ready` or when there is enough; None if never."""
        if device not in self._memory or not size:
            return ready
        now, ends = max(ready, self._now[device]), self._ends[device]
        while True:
            while ends and ends[0][0] <= now:
                self._held[device] -= heapq.heappop(ends)[1]
            if self._held[device] + size <= self._memory[device]:
                break
            if not ends:
                return None
            now = ends[0][0]
        self._held[device] += size
        self._now[device] = now
        return now

    def use(self, device: int, v: int, end: int) -> None:
        """Note a use of a value until `end`: its maker, a reader or a transfer away."""
        key = (v, device)
        if key not in self._users:
            return
        self._until[key] = max(self._until[key], end)
        self._users[key] -= 1
        if not self._users[key]:
            heapq.heappush(self._ends[device], (self._until[key], self._values[v].bytes))
