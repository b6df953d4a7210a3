"""Files of other tools, told apart by their sections."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from cost_models.importers.ini import read_ini
from cost_models.importers.mnsim_ini import import_mnsim
from cost_models.importers.mnsim_keys import DEVICE
from cost_models.importers.scalesim_cfg import import_scalesim
from cost_models.text_file import refusal

IMPORTERS: Mapping[str, Callable[[Path], dict[str, object]]] = MappingProxyType(
    {"architecture_presets": import_scalesim, DEVICE: import_mnsim}
)
"""By a section that only its format has."""


def import_hardware(path: Path) -> dict[str, object]:
    """Return the target document of the hardware that a file of another tool describes.

    Args:
        path: A SCALE-Sim `.cfg` or an MNSIM 2.0 `.ini`.

    Raises:
        TargetError: The file is neither, or describes what hptc does not price.
    """
    sections = read_ini(path, "SCALE-Sim or MNSIM").sections
    for section, importer in IMPORTERS.items():
        if section in sections:
            return importer(path)
    raise refusal(
        path,
        f"a file of SCALE-Sim or MNSIM, told by one of the sections {', '.join(IMPORTERS)}",
        f"the sections {', '.join(sections) or 'none'}",
    )
