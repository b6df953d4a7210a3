"""The folder of reference material, which is not part of the repository."""

import os
from pathlib import Path

import pytest

ENVIRONMENT_DIR = "HPTC_REFERENCE_DIR"


def reference_dir(part: str) -> Path:
    """Return one part of the folder; skips the test where it is not given."""
    folder = os.environ.get(ENVIRONMENT_DIR)
    if not folder:
        pytest.skip(f"{ENVIRONMENT_DIR} names no folder")
    return Path(folder) / part
