"""What every benchmark writes beside its figures: when, and with which versions."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "onnx", "onnxruntime", "ortools", "numpy", "pydantic")


def stamp(packages: Sequence[str] = PACKAGES) -> dict[str, object]:
    """Return date, machine and versions as JSON values; null for what is not installed."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
