"""Bounds on the makespan from paths: cheap, exact in integers."""

from hptc.partition.instance import NO_LINK, Instance


def path_bound(instance: Instance) -> int:
    """Return the longest path in ns, every task in its best mode with its forced transfers.

    For each task and mode, the head is a bound on its end and the tail one on what follows; a task
    takes one mode, so the least sum over its modes bounds the makespan. Carried values add the
    transfer they force, not their source. Where too many modes meet, transfers are left out.
    """
    if instance.is_dense:
        return _path_of_tasks(instance)
    heads, tails = path_heads(instance), path_tails(instance)
    return max(
        (
            min(head + tail for head, tail in zip(heads[t], tails[t], strict=True))
            for t in range(instance.tasks)
        ),
        default=0,
    )


def _path_of_tasks(instance: Instance) -> int:
    values, end = instance.problem.values, [0] * instance.tasks
    for task in instance.order:
        before = (values[v].src for v in instance.inputs[task] if not values[v].carried)
        ready = max((end[src] for src in before), default=0)
        end[task] = ready + min(instance.duration[task])
    return max(end, default=0)


def path_heads(instance: Instance) -> list[list[int]]:
    """Return for each task and mode a bound in ns on when it can end."""
    values, count = instance.problem.values, instance.devices
    heads = [list(row) for row in instance.duration]
    for task in instance.order:
        for mode, device in enumerate(instance.device[task]):
            ready = 0
            for v in instance.inputs[task]:
                src = values[v].src
                if src == task:
                    continue
                arrivals = [
                    (0 if values[v].carried else heads[src][m]) + send
                    for m, source in enumerate(instance.device[src])
                    if (send := instance.send[v][source * count + device]) != NO_LINK
                ]
                ready = max(ready, min(arrivals, default=0))
            heads[task][mode] = ready + instance.duration[task][mode]
    return heads


def path_tails(instance: Instance) -> list[list[int]]:
    """Return for each task and mode a bound in ns on the time from its end to the makespan."""
    count = instance.devices
    tails = [[0] * len(row) for row in instance.device]
    for task in reversed(instance.order):
        for mode, source in enumerate(instance.device[task]):
            for v, reader in instance.successors[task]:
                paths = [
                    send + instance.duration[reader][m] + tails[reader][m]
                    for m, device in enumerate(instance.device[reader])
                    if (send := instance.send[v][source * count + device]) != NO_LINK
                ]
                tails[task][mode] = max(tails[task][mode], min(paths, default=0))
    return tails
