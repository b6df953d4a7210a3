"""What every benchmark writes beside its figures: when, and with which versions."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "onnx", "onnxruntime", "ortools", "numpy", "pydantic")


def stamp(packages: Sequence[str] = PACKAGES) -> dict[str, object]:
    """Return date, machine and versions as JSON values; null for what is not installed."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def write_stamped(
    path: Path, found: Mapping[str, object], packages: Sequence[str] = PACKAGES
) -> None:
    """Write the figures of a benchmark as JSON, behind its stamp."""
    text = json.dumps({**stamp(packages), **found}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
