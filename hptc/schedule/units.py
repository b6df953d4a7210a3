"""Which of the identical units of a device runs each task: the solver only counts them."""

import heapq

from hptc.partition.problem import Assignment
from hptc.schedule.pose import Posed


def dealt_units(posed: Posed, assignment: Assignment) -> dict[int, str]:
    """Return the unit of each task on a device of several: the one that is idle for longest."""
    idle: dict[int, list[tuple[int, int]]] = {
        d: [(0, unit) for unit in range(1, device.count + 1)]
        for d, device in enumerate(posed.problem.devices)
        if device.count > 1
    }
    found = {}
    runs = zip(posed.chosen(assignment), assignment.placements, strict=True)
    order = sorted(enumerate(runs), key=lambda item: (item[1][1].start_ns, item[1][1].end_ns))
    for task, (mode, placement) in order:
        if mode.device in idle:
            unit = idle[mode.device][0][1]
            found[task] = f"{posed.devices[mode.device]}#{unit}"
            if placement.end_ns > placement.start_ns:
                heapq.heapreplace(idle[mode.device], (placement.end_ns, unit))
    return found
