"""Putting what windows of a schedule found back into it, all at once."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hptc.partition.decode import Schedule, retime, sequence
from hptc.partition.memory.decode import follow_within
from hptc.partition.memory.held import is_overfull
from hptc.partition.tables import Pair
from hptc.partition.windows.surroundings import Span, Surroundings


@dataclass(frozen=True, slots=True)
class Found:
    """What CP-SAT made of a window; times in ns."""

    span: Span
    modes: Mapping[int, int]
    """Of its tasks."""
    starts: Mapping[int, int]
    sends: Mapping[tuple[int, int], int]
    """(value, device) to the start of each transfer that was placed anew."""
    is_gain: bool = True
    """False where it is as good as what was there, and no better."""


def splice(around: Surroundings, windows: Sequence[Found]) -> Schedule | None:
    """Return the schedule with the windows in the place of what was there, retimed.

    The times of a window, and of what is between it and the next, are moved behind everything that
    came before; retiming closes the gaps and keeps the sequence, and the
    memory if the sequence allows that.

    Args:
        around: The schedule.
        windows: Windows that share no task.

    Returns:
        The schedule; None where together they break a capacity or lack a link.
    """
    modes = list(around.schedule.modes)
    for window in windows:
        for task, mode in window.modes.items():
            modes[task] = mode
    if not around.instance.admits(modes):
        return None
    placed = _Splicing(around, windows, modes).placed()
    timed = retime(around.instance, placed)
    if is_overfull(around.instance, timed):
        within = follow_within(around.instance, modes, sequence(around.instance, placed))
        return within if isinstance(within, Schedule) else timed
    return timed


class _Splicing:
    """Raw times, of which only the sequence matters.

    Each item belongs to a `turn`: the number of windows that it has to come after.
    """

    def __init__(
        self, around: Surroundings, windows: Sequence[Found], modes: Sequence[int]
    ) -> None:
        self._around, self._modes = around, modes
        self._windows = sorted(windows, key=lambda window: window.span.first)
        instance = around.instance
        self._length = [instance.duration[task][mode] for task, mode in enumerate(modes)]
        self._at = instance.places(modes)
        latest = [
            begin + self._length[task] for w in self._windows for task, begin in w.starts.items()
        ]
        self._shift = around.schedule.makespan + max(latest, default=0)
        stops = [window.span.stop for window in self._windows]
        self._turn = [bisect_right(stops, position) for position in around.position]

    def placed(self) -> Schedule:
        """Return the schedule with raw times."""
        start = [
            begin + self._shift * turn
            for begin, turn in zip(self._around.schedule.start, self._turn, strict=True)
        ]
        for turn, window in enumerate(self._windows):
            for task, begin in window.starts.items():
                start[task] = begin + self._shift * turn
        end = [begin + took for begin, took in zip(start, self._length, strict=True)]
        return Schedule(tuple(self._modes), tuple(start), tuple(end), self._sends(end))

    def _sends(self, end: Sequence[int]) -> dict[tuple[int, int], int]:
        """Return the starts of the transfers that the modes need."""
        known = self._known()
        found = {}
        for v, value in enumerate(self._around.instance.problem.values):
            source = self._at[value.src]
            made = 0 if value.carried else end[value.src]
            for device in {self._at[reader] for reader in value.readers} - {source}:
                found[v, device] = max(made, known.get((v, device), made))
        return found

    def _known(self) -> dict[tuple[int, int], int]:
        """Return raw starts of transfers: as the first window that sends them, else as they were.

        What follows another transfer on its link still does, unless a window sends that anew.
        """
        touched = frozenset[int]().union(*(window.span.touched for window in self._windows))
        instance, around = self._around.instance, self._around
        found, last = dict[tuple[int, int], int](), dict[Pair, int]()
        for (v, device), begin in sorted(around.schedule.sends.items(), key=lambda item: item[1]):
            value = instance.problem.values[v]
            pair = around.at[value.src], device
            readers = [self._turn[r] for r in value.readers if around.at[r] == device]
            turn = min(max(last.get(pair, 0), self._first_turn(v, device)), *readers)
            if v not in touched:
                last[pair] = turn
            found[v, device] = begin + self._shift * turn
        for turn, window in reversed(list(enumerate(self._windows))):
            found |= {key: begin + self._shift * turn for key, begin in window.sends.items()}
        return found

    def _first_turn(self, v: int, device: int) -> int:
        """Return after how many windows a transfer comes, if none of them sends it anew."""
        stays = self._around.stays
        return bisect_left(self._windows, True, key=lambda w: stays(v, device, w.span))
