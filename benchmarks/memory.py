"""What memory a benchmark takes."""

from pathlib import Path

_KIB_PER_GIB = 2**20


def peak_gib() -> float:
    """Return the largest resident set of this process since it began to run its own program.

    Linux alone tells; its `ru_maxrss` would count the parent too, as it was at the start.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) / _KIB_PER_GIB
