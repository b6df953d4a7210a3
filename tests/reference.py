"""The folder of reference material, which is not part of the repository."""

from pathlib import Path

import pytest

from benchmarks import reference


def reference_dir(part: str) -> Path:
    """Return one part of the folder; skips the test where it is not given."""
    folder = reference.reference_dir(part)
    if folder is None:
        pytest.skip(f"{reference.ENVIRONMENT_DIR} names no folder")
    return folder
