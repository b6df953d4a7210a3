"""Runs of MNSIM 2.0 (GitHub thu-nics/MNSIM-2.0 ca39ccb) that were made for this test."""

import csv
from pathlib import Path

from benchmarks.cost_models import mnsim

LAYERS = """
K                       909          149           64
N                      3871          128          255
xbar                     64          128           64
adc_choice                1            6            5
dac_choice                1            5            4
weight_bits               3            2            3
input_bits                7           12            1
device_level              2            2            2
polarity                  2            1            1
dac_num                   3           68            8
adc_num                  42          100            8
pe_num                  1,2          2,2          1,1
group_num                 1            8            2
tiles                   915            1            8
pes                    1830            2            8
max_row                  64          128           64
max_col                  64          128           64
latency_ns       8510.57624   2697.89819   1879.57639
xbar_lat_ns      973.280016   25.2800065   202.240003
adc_lat_ns             2464           64   581.818182
dac_lat_ns              924           64          384
digital_lat_ns   1604.27122    62.993184   475.918208
buffer_lat_ns          1000         2480          220
intra_tile_ns         0.625        1.625            0
inter_tile_ns        1824.4          960         35.6
energy_nJ        1002836.92   33.9117102   305.136801
xbar_e_nJ        25.1218604 0.0313778191 0.0156889058
adc_e_nJ         998499.533     20.64384   297.890909
dac_e_nJ          19.783764    2.0447232    1.5335424
digital_e_nJ     47.7975627 0.0197012265 0.0202112293
buf_e_nJ         4244.68793   11.1720679   5.67644896
power_W          417.450751  0.373256187  0.565169802
area_um2          616824081     11480517   2871580.71
xbar_area_um2     290963558   5465374.72   1271971.84
adc_area_um2      122976000      5280000       211200
dac_area_um2         911.34    11558.912      169.984
"""
CROSSBARS = """
xbar                              256           64
rows                              100           64
cols                               40            7
write_pulse_ns                     30           10
write_V                           2.5          3.0
R_hrs                             5e5          1e6
R_lrs                             2e4          1e4
read_V                            0.2         0.15
write_latency_ns                 3000          640
write_power_W                0.000625    0.0001575
write_energy_nJ_as_printed    0.01875     0.001575
read_latency_ns            3.16001284 3.1600000525
read_power_W               0.00028544 3.393936e-05
read_energy_nJ         0.000901994065 0.0001072483
xbar_area_um2               388771.84     79498.24
"""


def test_layers_and_crossbars_that_no_table_has(tmp_path: Path) -> None:
    _write(tmp_path / "mnsim_fc.csv", LAYERS)
    _write(tmp_path / "mnsim_crossbar_rw.csv", CROSSBARS)
    for line in mnsim.scores(tmp_path):
        assert not line.missed, line
        if line.family != "energy, digital":  # MNSIM leaves the adders of a PE out
            assert line.worst_pct < 0.01, line


def _write(path: Path, columns: str) -> None:
    """Write a table that is given by its columns, one a line."""
    lines = [line.split() for line in columns.strip().splitlines()]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(zip(*lines, strict=True))
