"""What every benchmark writes beside its figures: when, and with which versions."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version

PACKAGES = ("torch", "onnx", "onnxruntime", "ortools", "numpy", "pydantic")


def stamp() -> dict[str, object]:
    """Return date, machine and versions as JSON values."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }
