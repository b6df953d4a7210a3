"""How much memory there is, asked before something big is made."""

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


def available_bytes() -> int:
    """Return the memory that can be taken without swapping, within the limits of a container."""
    return min(_limits())


def _limits() -> Iterator[int]:
    available = _read(_MEMINFO, "MemAvailable:")
    if available is None:
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    else:
        yield 1024 * available
    limit, used = _read(_CGROUP / "memory.max"), _read(_CGROUP / "memory.current")
    if limit is not None and used is not None:
        yield max(0, limit - used)


def _read(path: Path, label: str = "") -> int | None:
    """Return the number after `label`, or None if the system does not tell."""
    try:
        words = path.read_text().split()
        return int(words[words.index(label) + 1 if label else 0])
    except (OSError, ValueError):
        return None
