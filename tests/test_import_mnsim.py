from pathlib import Path

import pytest
import tomli_w

from cost_models.check import check_target
from cost_models.importers.dispatch import import_hardware
from cost_models.importers.mnsim_ini import import_mnsim
from cost_models.load import load_target, target_from_toml
from cost_models.reram.params import ReramParams
from hptc.errors import TargetError
from tests.command_line import hptc
from tests.target_examples import MNSIM_CONFIG


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "chip.ini"
    path.write_text(MNSIM_CONFIG, encoding="utf-8")
    return path


def imported(path: Path) -> ReramParams:
    target = target_from_toml(tomli_w.dumps(import_mnsim(path)), str(path))
    assert not check_target(target)
    return ReramParams.model_validate(target.device("reram").table)


def test_hardware_becomes_parameters(ini: Path) -> None:
    found = imported(ini)
    assert (found.rows, found.cols, found.cell_bits) == (128, 64, 2)
    assert (found.hrs_ohm, found.lrs_ohm) == (1e6, 2e4)
    assert (found.read_voltage_v, found.write_voltage_v) == (0.2, 1.0)
    assert (found.array_read_ns, found.write_pulse_ns, found.cell_area_um2) == (5.0, 50.0, 0.5)
    assert (found.weight_encoding, found.subtraction) == ("offset", "digital")
    assert (found.arrays_per_pe, found.pes_per_tile) == (3, 8)
    assert found.crossbars == 8 * 16 * 8 * 3
    assert (found.tile_grid, found.tile_order) == (16, "snake")
    assert (found.dacs_per_array, found.adcs_per_array) == (64, 16)
    assert (found.intra_tile_gbps, found.inter_tile_gbps) == (512.0, 40.0)


def test_converters_come_by_number_or_from_the_file(ini: Path) -> None:
    found = imported(ini)
    assert (found.dac_bits, found.dac_ns) == (2, 4.0)
    assert found.dac_energy_pj == pytest.approx(0.0312)
    assert (found.adc_bits, found.adc_cycles, found.adc_rate_gsps) == (7, 9, 1.5)
    assert found.adc_energy_pj_per_level * 2**7 == pytest.approx(3 * 9 / 1.5)  # mW ns


def test_logic_at_another_clock_keeps_its_power(ini: Path) -> None:
    found, base = imported(ini), load_target("mnsim-default").device("reram").table
    assert found.clock_ns == found.hop_ns == 4.0  # 250 MHz
    assert found.register_energy_pj == pytest.approx(2 * float(str(base["register_energy_pj"])))


def test_buffers_have_the_size_that_the_file_says(ini: Path) -> None:
    base = imported(ini)
    assert base.input_buffer_read_energy_pj == base.output_buffer_read_energy_pj == 7.5695  # 2 kB
    sized = MNSIM_CONFIG.replace("PE_inBuf_Size = 0", "PE_inBuf_Size = 9")
    ini.write_text(sized.replace("Tile_outBuf_Area = 0", "Tile_outBuf_Area = 5e4"))
    found = imported(ini)
    assert found.input_buffer_read_energy_pj == 44.837  # 16 kB
    assert found.output_buffer_read_energy_pj == 7.5695
    assert found.output_buffer_area_um2 == 5e4


def test_each_number_names_file_section_and_key(ini: Path) -> None:
    sources = load_document(ini)["sources"]
    assert sources["rows"] == f"{ini}, [Crossbar level] Xbar_Size, the first"
    assert sources["dac_ns"] == f"{ini}, [Interface level] DAC_Choice = 2"
    assert "ADC_Precision" in sources["adc_energy_pj_per_level"]


def load_document(path: Path) -> dict[str, dict[str, str]]:
    devices = import_hardware(path)["devices"]
    assert isinstance(devices, dict)
    table: dict[str, dict[str, str]] = devices["reram"]
    return table


@pytest.mark.parametrize(
    ("found", "put", "words"),
    [
        ("Xbar_Size = 128,64", "", ["[Crossbar level] Xbar_Size", "none"]),
        ("Xbar_Size = 128,64", "Xbar_Sise = 1,2", ["[Crossbar level]", "xbar_sise", "Xbar_Size"]),
        ("Xbar_Size = 128,64", "Xbar_Size = 128", ["Xbar_Size", "2 numbers", "'128'"]),
        ("Xbar_Size = 128,64", "Xbar_Size = 128,0", ["Xbar_Size", "whole, 1 or more"]),
        ("Xbar_Size = 128,64", "Xbar_Size = 12.5,2", ["Xbar_Size", "whole, 1 or more"]),
        ("Xbar_Size = 128,64", "Xbar_Size = 1e999,2", ["Xbar_Size", "2 numbers"]),
        ("Subarray_Size = 128", "Subarray_Size = 64", ["Subarray_Size", "128, the rows"]),
        ("Cell_Type = 1T1R", "Cell_Type = 0T1R", ["[Crossbar level] Cell_Type", "1T1R", "'0T1R'"]),
        ("Device_Type = NVM", "Device_Type = SRAM", ["[Device level] Device_Type", "NVM"]),
        ("Device_Level = 4", "Device_Level = 3", ["Device_Level", "a power of two"]),
        ("Device_Level = 4", "Device_Level = 8", ["Device_Resistance", "8 numbers"]),
        ("1e5, 2e4", "2e4, 1e5", ["Device_Resistance", "from high to low"]),
        ("1e5, 2e4", "1e5, 0", ["Device_Resistance", "above 0"]),
        ("Read_Voltage = 0, 0.2", "Read_Voltage = 0.1, 0.2", ["Read_Voltage", "0 V"]),
        ("Read_Latency = 5", "Read_Latency = 0", ["Read_Latency", "above 0"]),
        ("Read_Latency = 5", "Read_Latency = fast", ["Read_Latency", "a number", "'fast'"]),
        ("Read_Latency = 5", "Read_Latency = nan", ["Read_Latency", "a number", "'nan'"]),
        ("DAC_Choice = 2", "DAC_Choice = 8", ["DAC_Choice", "-1, 1, 2, 3, 4, 5, 6, 7", "'8'"]),
        ("DAC_Power = 0", "DAC_Power = 1", ["DAC_Power", "DAC_Choice = 2 has"]),
        ("ADC_Power = 0.003", "ADC_Power = 0", ["ADC_Power", "above 0"]),
        ("ADC_Num = 16", "ADC_Num = 65", ["ADC_Num", "at most 64"]),
        ("DAC_Num = 64", "DAC_Num = 0", ["DAC_Num", "whole, 1 or more"]),
        ("PE_inBuf_Size = 0", "PE_inBuf_Size = 300", ["PE_inBuf_Size", "at most 256 kB"]),
        ("Buffer_Technology = 90", "Buffer_Technology = 45", ["Buffer_Technology", "90", "'45'"]),
        ("Tile_Connection = 1", "Tile_Connection = 3", ["Tile_Connection", "0, 1, 2"]),
        ("[Tile level]", "[Tiles]", ["a section", "'Tiles'", "Tile level"]),
        ("[Tile level]", "[Crossbar level]", ["chip.ini", "already exists"]),
    ],
)
def test_mistakes_name_file_section_and_key(
    ini: Path, found: str, put: str, words: list[str]
) -> None:
    ini.write_text(MNSIM_CONFIG.replace(found, put, 1), encoding="utf-8")
    with pytest.raises(TargetError) as error:
        import_mnsim(ini)
    assert all(word in str(error.value) for word in ["chip.ini", *words])


def test_the_command_writes_a_target(ini: Path) -> None:
    output = ini.with_suffix(".toml")
    assert hptc("target", "import", ini, "-o", output).code == 0
    assert load_target(str(output)).device("reram").table["cols"] == 64
