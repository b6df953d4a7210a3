"""Import of MNSIM 2.0's `SimConfig.ini`: analog NVM crossbars as a target document.

What the file says of devices, crossbars, converters, buffers, tiles and wires replaces the numbers
of `builtin:mnsim-default`, as MNSIM's own code reads them (GitHub thu-nics/MNSIM-2.0 ca39ccb,
`MNSIM/Hardware_Model`). Logic stays that of this target, so a file that asks for other is refused;
keys that only the accuracy model reads are passed over. MNSIM fits buffers of size 0 to the
network; here they have the 2 kB of the target.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from cost_models.importers.ini import IniFile, read_ini
from cost_models.importers.mnsim_keys import (
    CHIP,
    CROSSBAR,
    DEVICE,
    DIGITAL,
    ELEMENT,
    FIXED,
    IMPORTED,
    INTERFACE,
    TILE,
    UNUSED,
)
from cost_models.importers.mnsim_parts import (
    Converter,
    buffer_of,
    converter_choices,
    largest_buffer_kbytes,
)
from cost_models.load import load_target
from cost_models.reram.params import ReramParams
from hptc.errors import TargetError
from hptc.units import NS_PER_US

_TOOL = "MNSIM"
_BASE, _DEVICE = "mnsim-default", "reram"
_CLOCKED = ("register_energy_pj", "shift_add_energy_pj", "adder_energy_pj", "merge_energy_pj")
_USER_DEFINED = "-1"
_TILE_ORDERS = {"0": "row-major", "1": "snake", "2": "shell"}
_DEFAULT_ELEMENTS, _DEFAULT_GRID = 4, 8
"""Sides of a tile in PEs and of the chip in tiles, where the file says 0,0."""
_MUX_UM2_PER_NM2 = 80e-6
"""Ten square features for each of the eight transistors of a 2:1 selector (MNSIM PE.py)."""

Setting = tuple[str, object, str]
"""A key of the target, its value, and the keys of the file that it comes from."""


def import_mnsim(path: Path) -> dict[str, object]:
    """Return the target document of the hardware that a `SimConfig.ini` describes.

    Args:
        path: The `.ini` file.

    Raises:
        TargetError: A section, key or value is missing, unknown or out of range, or asks for what
            the ReRAM model has no figures for.
    """
    config = read_ini(path, _TOOL)
    config.refuse_unknown(_known_keys())
    _refuse_other_hardware(config)
    device: dict[str, object] = {}
    sources: dict[str, str] = {}
    for settings in (_cells, _arrays, _converters, _buffers, _logic, _tiles):
        for key, value, origin in settings(config):
            device[key] = value
            sources[key] = f"{path}, {origin}"
    return {
        "schema_version": 1,
        "name": path.stem,
        "description": f"Imported from {path}; logic of builtin:{_BASE}.",
        "extends": f"builtin:{_BASE}",
        "devices": {_DEVICE: {**device, "sources": sources}},
    }


def _known_keys() -> Mapping[str, tuple[str, ...]]:
    sections = dict.fromkeys([*IMPORTED, *FIXED])
    return {
        name: (*IMPORTED.get(name, ()), *FIXED.get(name, {}), *UNUSED.get(name, ()))
        for name in sections
    }


def _refuse_other_hardware(config: IniFile) -> None:
    for section, values in FIXED.items():
        for key, wanted in values.items():
            found = config.text(section, key)
            if [part.strip() for part in found.split(",")] != wanted.split(","):
                raise TargetError(
                    config.place(section, key),
                    expected=f"{wanted}, which the ReRAM model has figures for",
                    found=repr(found),
                )


def _cells(config: IniFile) -> Iterator[Setting]:
    """Cells: levels, resistances, voltages and pulses."""
    levels = config.counts(DEVICE, "Device_Level", least=2)[0]
    if levels & (levels - 1):
        config.refuse(DEVICE, "Device_Level", "a power of two")
    yield "cell_bits", levels.bit_length() - 1, _of(DEVICE, "Device_Level")
    resistances = config.numbers(DEVICE, "Device_Resistance", count=levels)
    if min(resistances) <= 0 or sorted(resistances, reverse=True) != resistances:
        config.refuse(DEVICE, "Device_Resistance", "ohms above 0, from high to low")
    yield "hrs_ohm", resistances[0], _of(DEVICE, "Device_Resistance, the first")
    yield "lrs_ohm", resistances[-1], _of(DEVICE, "Device_Resistance, the last")
    read_levels = config.counts(DEVICE, "Read_Level", least=2)[0]
    read_v = config.numbers(DEVICE, "Read_Voltage", count=read_levels)
    if read_v[0] != 0:
        config.refuse(DEVICE, "Read_Voltage", "0 V for an input of 0")
    yield "read_voltage_v", read_v[-1], _of(DEVICE, "Read_Voltage, the last")
    write_levels = config.counts(DEVICE, "Write_Level", least=1)[0]
    write_v = config.numbers(DEVICE, "Write_Voltage", count=write_levels)
    mean_v = (write_v[0] + write_v[-1]) / 2
    yield "write_voltage_v", mean_v, _of(DEVICE, "Write_Voltage, mean of first and last")
    yield "array_read_ns", config.positive(DEVICE, "Read_Latency"), _of(DEVICE, "Read_Latency")
    yield "write_pulse_ns", config.positive(DEVICE, "Write_Latency"), _of(DEVICE, "Write_Latency")
    yield "cell_area_um2", config.positive(DEVICE, "Device_Area"), _of(DEVICE, "Device_Area")


def _arrays(config: IniFile) -> Iterator[Setting]:
    """Crossbars, and how weights lie in them."""
    rows, cols = config.counts(CROSSBAR, "Xbar_Size", count=2)
    if config.counts(CROSSBAR, "Subarray_Size")[0] != rows:
        config.refuse(CROSSBAR, "Subarray_Size", f"{rows}, the rows of a crossbar")
    yield "rows", rows, _of(CROSSBAR, "Xbar_Size, the first")
    yield "cols", cols, _of(CROSSBAR, "Xbar_Size, the second")
    tech_nm = config.positive(CROSSBAR, "Transistor_Tech")
    yield "mux_area_um2", _MUX_UM2_PER_NM2 * tech_nm**2, _of(CROSSBAR, "Transistor_Tech")
    polarity = config.choice(ELEMENT, "Xbar_Polarity", ("1", "2"))
    encoding = "offset" if polarity == "1" else "differential"
    yield "weight_encoding", encoding, _of(ELEMENT, "Xbar_Polarity")
    digital = config.choice(ELEMENT, "Sub_Position", ("0", "1")) == "1"
    yield "subtraction", "digital" if digital else "analog", _of(ELEMENT, "Sub_Position")
    for key, name, lines in (
        ("dacs_per_array", "DAC_Num", rows),
        ("adcs_per_array", "ADC_Num", cols),
    ):
        converters = config.counts(ELEMENT, name)[0]
        if converters > lines:
            config.refuse(ELEMENT, name, f"at most {lines}, the lines of a crossbar")
        yield key, converters, _of(ELEMENT, name)


def _converters(config: IniFile) -> Iterator[Setting]:
    """DACs and ADCs, chosen by number or described in the file."""
    dac, origin = _converter(config, "DAC")
    yield from ((key, value, origin) for key, value in dac.as_dac().items())
    adc, origin = _converter(config, "ADC")
    yield from ((key, value, origin) for key, value in adc.as_adc().items())


def _buffers(config: IniFile) -> Iterator[Setting]:
    """Buffers whose size the file says; without one, MNSIM sizes them to the network."""
    for side, name in (("input", "PE_inBuf"), ("output", "Tile_outBuf")):
        size, area = f"{name}_Size", f"{name}_Area"
        (kbytes,) = config.numbers(ELEMENT, size)
        if kbytes > largest_buffer_kbytes():
            config.refuse(ELEMENT, size, f"at most {largest_buffer_kbytes()} kB")
        if kbytes:
            origin = f"{_of(ELEMENT, size)}: MNSIM Buffer.py, SRAM at 90 nm"
            found = buffer_of(kbytes).items()
            yield from ((f"{side}_buffer_{key}", value, origin) for key, value in found)
        (area_um2,) = config.numbers(ELEMENT, area)
        if area_um2:
            yield f"{side}_buffer_area_um2", area_um2, _of(ELEMENT, area)


def _converter(config: IniFile, kind: str) -> tuple[Converter, str]:
    """Return a converter, and the keys that describe it."""
    own = [f"{kind}_{what}" for what in ("Precision", "Power", "Sample_Rate", "Area")]
    table = converter_choices(kind)
    choice = config.choice(INTERFACE, f"{kind}_Choice", (_USER_DEFINED, *table))
    if choice != _USER_DEFINED:
        for key in own:
            if config.numbers(INTERFACE, key) != [0.0]:
                config.refuse(
                    INTERFACE, key, f"0: {kind}_Choice = {choice} has a figure of its own"
                )
        return table[choice], _of(INTERFACE, f"{kind}_Choice = {choice}")
    bits = config.counts(INTERFACE, own[0])[0]
    power_w, rate_gsps, area_um2 = (config.positive(INTERFACE, key) for key in own[1:])
    cycles = 1 if kind == "ADC" and bits == 1 else bits + 2
    return Converter(bits, power_w, rate_gsps, cycles, area_um2), _of(INTERFACE, ", ".join(own))


def _logic(config: IniFile) -> Iterator[Setting]:
    """The clock of registers and adders; their power stays, so their energy follows its period."""
    origin = _of(DIGITAL, "Digital_Frequency")
    clock_ns = NS_PER_US / config.positive(DIGITAL, "Digital_Frequency")
    base = ReramParams.model_validate(load_target(_BASE).device(_DEVICE).table)
    for key in ("clock_ns", "hop_ns"):
        yield key, clock_ns, origin
    for key in _CLOCKED:
        energy_pj = getattr(base, key) * clock_ns / base.clock_ns
        yield key, energy_pj, f"{origin}, from builtin:{_BASE}"


def _tiles(config: IniFile) -> Iterator[Setting]:
    """Processing elements, tiles and the wires between them."""
    elements = math.prod(config.counts(TILE, "PE_Num", count=2, least=0)) or _DEFAULT_ELEMENTS**2
    arrays = config.counts(ELEMENT, "Group_Num", least=0)[0] or 1
    grid = config.counts(CHIP, "Tile_Num", count=2, least=0)
    rows, cols = grid if all(grid) else (_DEFAULT_GRID, _DEFAULT_GRID)
    pair = int(config.choice(ELEMENT, "Xbar_Polarity", ("1", "2")))
    yield "arrays_per_pe", arrays, _of(ELEMENT, "Group_Num")
    yield "pes_per_tile", elements, _of(TILE, "PE_Num")
    yield "tile_grid", cols, _of(CHIP, "Tile_Num, the second")
    origin = f"{_of(CHIP, 'Tile_Num')}, {_of(TILE, 'PE_Num')}, {_of(ELEMENT, 'Group_Num')}"
    yield "crossbars", rows * cols * elements * arrays * pair, f"{origin} and Xbar_Polarity"
    order = config.choice(CHIP, "Tile_Connection", tuple(_TILE_ORDERS))
    yield "tile_order", _TILE_ORDERS[order], _of(CHIP, "Tile_Connection")
    for key, name in (
        ("intra_tile_gbps", "Intra_Tile_Bandwidth"),
        ("inter_tile_gbps", "Inter_Tile_Bandwidth"),
    ):
        yield key, config.positive(TILE, name), _of(TILE, name)


def _of(section: str, key: str) -> str:
    return f"[{section}] {key}"
