"""Import of a SCALE-Sim configuration (`.cfg`): one systolic array as a target document.

The format is that of SCALE-Sim 3.0.0 (GitHub scalesim-project/SCALE-Sim 1d62b68,
`scalesim/scale_config.py` and `configs/`). It describes sizes, a dataflow and a bandwidth in words
a cycle; a word is one byte there. What it has no key for (clock, energies, vector unit) comes from
`builtin:systolic`.
"""

from pathlib import Path

from cost_models.importers.ini import IniFile, read_ini, whole_number
from hptc.errors import TargetError

_TOOL = "SCALE-Sim"
_HARDWARE, _RUN, _SPARSITY = "architecture_presets", "run_presets", "sparsity"
_BANKS = ("CustomLayout", "SRAMBankBandwidth", "SRAMBankNum", "SRAMBankPort")
_KNOWN = {
    "general": ("run_name",),
    _HARDWARE: (
        "ArrayHeight", "ArrayWidth", "IfmapSramSzkB", "FilterSramSzkB", "OfmapSramSzkB",
        "IfmapOffset", "FilterOffset", "OfmapOffset", "Bandwidth", "Dataflow", "MemoryBanks",
        "OnChipMemoryBanks", "OnChipMemoryBankPorts", "ReadRequestBuffer", "WriteRequestBuffer",
    ),
    "layout": (*(f"Ifmap{key}" for key in _BANKS), *(f"Filter{key}" for key in _BANKS)),
    _SPARSITY: (
        "SparsitySupport", "SparseRep", "OptimizedMapping", "BlockSize",
        "RandomNumberGeneratorSeed",
    ),
    _RUN: ("InterfaceBandwidth", "UseRamulatorTrace"),
    "network_presets": ("TopologyCsvLoc",),
}  # fmt: skip
"""Sections and keys of the format."""
_NUMBERS = {
    "rows": "ArrayHeight",
    "cols": "ArrayWidth",
    "ifmap_buffer_kib": "IfmapSramSzkB",
    "filter_buffer_kib": "FilterSramSzkB",
    "ofmap_buffer_kib": "OfmapSramSzkB",
}
"""Keys of a systolic device, and of the format."""
_CLOCK_GHZ = 1.0


def import_scalesim(path: Path) -> dict[str, object]:
    """Return the target document of the array that a SCALE-Sim configuration describes.

    Cycles are counted as SCALE-Sim prints them (`fold_overlap = "scale-sim"`). With
    `InterfaceBandwidth: USER`, `Bandwidth` is the memory's, at an assumed clock of 1 GHz; with CALC
    the file gives none, and that of `builtin:systolic` stays. Bank conflicts (`[layout]`), request
    queues and a Ramulator trace are not modelled.

    Args:
        path: The `.cfg` file.

    Raises:
        TargetError: A section, key or value is missing, unknown or out of range, or asks for sparse
            operands, which hptc does not price.
    """
    config = read_ini(path, _TOOL)
    config.refuse_unknown(_KNOWN)
    if config.choice(_SPARSITY, "SparsitySupport", ("true", "false"), "false") == "true":
        raise TargetError(
            config.place(_SPARSITY, "SparsitySupport"),
            expected="false: hptc prices dense operands",
            found="true",
        )
    device, sources = _array(config)
    if config.choice(_RUN, "InterfaceBandwidth", ("USER", "CALC")) == "USER":
        device["clock_ghz"] = _CLOCK_GHZ
        sources["clock_ghz"] = f"assumption: {path} gives none; 1 GHz turns words a cycle into B/ns"
        device["memory_bandwidth_bytes_per_ns"] = _bandwidth(config) * _CLOCK_GHZ
        sources["memory_bandwidth_bytes_per_ns"] = config.place(_HARDWARE, "Bandwidth")
    return {
        "schema_version": 1,
        "name": config.text("general", "run_name"),
        "description": f"Imported from {path}; energies and vector unit of builtin:systolic.",
        "extends": "builtin:systolic",
        "devices": {"systolic": {**device, "sources": sources}},
    }


def _array(config: IniFile) -> tuple[dict[str, object], dict[str, str]]:
    """Return the keys of the array that every file has, and their sources."""
    device: dict[str, object] = {
        "count": 1,
        "dataflow": config.choice(_HARDWARE, "Dataflow", ("os", "ws", "is")),
        "fold_overlap": "scale-sim",
        "word_bytes": 1,
    }
    sources = {
        "count": f"{_TOOL} simulates one array ({config.path})",
        "word_bytes": f"{_TOOL} counts words of one byte ({config.path})",
    }
    for key, name in _NUMBERS.items():
        number = config.whole(_HARDWARE, name)
        device[key] = float(number) if key.endswith("kib") else number
        sources[key] = config.place(_HARDWARE, name)
    return device, sources


def _bandwidth(config: IniFile) -> float:
    """Return words a cycle; SCALE-Sim takes the first of a list."""
    first, _, _ = config.text(_HARDWARE, "Bandwidth").partition(",")
    return float(whole_number(first.strip(), config.place(_HARDWARE, "Bandwidth")))
