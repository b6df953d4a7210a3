"""The folder of reference material, which is not part of the repository."""

import os
from pathlib import Path

ENVIRONMENT_DIR = "HPTC_REFERENCE_DIR"


def reference_dir(part: str) -> Path | None:
    """Return one part of the folder that `HPTC_REFERENCE_DIR` names; None where it names none."""
    folder = os.environ.get(ENVIRONMENT_DIR)
    return Path(folder) / part if folder else None
