"""Areas and leakage of tiles and of the device.

Source: `calculate_PE_area` and `calculate_tile_area` in `Hardware_Model/{PE,Tile}.py` of MNSIM 2.0.
"""

from collections.abc import Mapping

from cost_models.reram.activity import converted_lines
from cost_models.reram.digital import selector_size
from cost_models.reram.geometry import crossbars_per_tile, paired
from cost_models.reram.params import ReramParams

UM2_PER_MM2 = 1e6
Sides = tuple[tuple[int, int], ...]
"""Lines of an array and its converters there: at one side, or at both where it is transposable."""


def array_area_um2(params: ReramParams) -> float:
    """Return the area of one array: cells, and drivers of its rows."""
    cell, driver = params.cell_area_um2, params.row_driver_area_um2
    return params.rows * params.cols * cell + params.rows * driver


def tile_areas_um2(params: ReramParams) -> Mapping[str, float]:
    """Return the areas of one tile, by kind of component."""
    arrays = params.arrays_per_pe * params.pes_per_tile
    dacs, adcs = _dacs(params), _adcs(params)
    adders = params.pes_per_tile * (params.arrays_per_pe - 1)
    mergers = params.arrays_per_pe * (params.pes_per_tile - 1)
    return {
        "array": crossbars_per_tile(params) * array_area_um2(params),
        "dac": arrays * _count(dacs) * params.dac_area_um2,
        "adc": arrays * _count(adcs) * params.adc_area_um2,
        "register": arrays * (_count(dacs) + _count(adcs)) * params.register_area_um2,
        "shift_add": arrays * _count(adcs) * params.shift_add_area_um2,
        "selector": arrays * (_selectors_um2(params, dacs) + _selectors_um2(params, adcs)),
        "adder": adders * params.adcs_per_array * params.adder_area_um2,
        "merge": mergers * params.adcs_per_array * params.merge_area_um2,
        "input_buffer": params.pes_per_tile * params.input_buffer_area_um2,
        "output_buffer": params.output_buffer_area_um2,
        "other": params.tile_area_um2,
    }


def tile_area_um2(params: ReramParams) -> float:
    """Return the area of one tile."""
    return sum(tile_areas_um2(params).values())


def tiles(params: ReramParams) -> int:
    """Return the tiles of the device."""
    return -(-params.crossbars // crossbars_per_tile(params))


def area_mm2(params: ReramParams) -> float:
    """Return the area of the device."""
    return tiles(params) * tile_area_um2(params) / UM2_PER_MM2 + params.chip_area_mm2


def leakage_w(params: ReramParams) -> float:
    """Return what the powered device draws without work: static power, ADCs, ungated buffers."""
    adcs = params.crossbars // paired(params) * _count(_adcs(params))
    buffers_w = params.pes_per_tile * params.input_buffer_leakage_w + params.output_buffer_leakage_w
    gated = 0 if params.buffers_gated else tiles(params)
    return params.static_power_w + adcs * params.adc_leakage_w + gated * buffers_w


def _dacs(params: ReramParams) -> Sides:
    return _sides(
        params,
        (params.rows, params.dacs_per_array or params.rows),
        (params.cols, params.column_dacs_per_array or params.cols),
    )


def _adcs(params: ReramParams) -> Sides:
    return _sides(
        params,
        (converted_lines(params, params.cols, False), params.adcs_per_array),
        (
            converted_lines(params, params.rows, True),
            params.row_adcs_per_array or params.adcs_per_array,
        ),
    )


def _sides(params: ReramParams, upright: tuple[int, int], turned: tuple[int, int]) -> Sides:
    return (upright, turned) if params.transposable else (upright,)


def _count(sides: Sides) -> int:
    return sum(count for _, count in sides)


def _selectors_um2(params: ReramParams, sides: Sides) -> float:
    """Return the area of the selectors of one array, one for each converter."""
    sizes = (count * selector_size(params, -(-lines // count)) for lines, count in sides)
    return params.mux_area_um2 * sum(sizes)
