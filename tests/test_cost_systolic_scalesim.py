"""Cases run with SCALE-Sim 3.0.0 for hptc, beside those of the reference tables."""

import pytest

from cost_models.systolic.folding import Array, Dataflow, FoldOverlap, Gemm, cycles
from cost_models.systolic.traffic import Buffers, Words, dram_words, sram_words

# M K N rows cols dataflow buffer_kB cycles, then SRAM and DRAM words of ifmap, filter and ofmap.
CASES = """
    1 1 2 7 100 is 2 113 1 2 2 1 2 2
    147 1 134 96 64 is 2 1163 147 402 19698 147 134 19761
    40 300 3 1 4 is 1 20999 12000 9000 36000 12000 9000 36003
    18 64 33 64 1 is 1 2879 1152 38016 594 1152 38016 594
    29 100 174 5 7 is 1 18899 2900 87000 100920 2900 87000 100920
    2 106 364 64 100 is 1 1179 212 38584 1456 212 38584 1456
    8 2 2 16 3 os 5 18 16 4 35 16 4 16
    12 1 132 32 4 os 1 1154 396 132 2772 12 132 1587
    259 75 77 7 32 os 1 12431 58275 213675 24272 58275 213675 19974
    121 146 132 12 4 os 16 58079 582978 211992 21780 582978 20388 15975
    190 14 200 100 7 os 1 6901 77140 5600 44206 77140 2850 38000
    25 358 149 96 130 os 7 1163 17900 53342 4177 17900 53342 3725
    2 56 29 1 48 os 2 205 112 3248 156 112 3248 58
    19 35 40 7 24 os 1 383 1330 4200 946 1330 4200 760
    13 10 18 16 96 ws 4 138 130 180 234 130 180 234
    332 2 2 24 8 ws 1 385 664 4 664 664 4 671
    94 128 120 2 16 ws 3 57343 96256 15360 721920 96256 15360 721935
    348 11 8 16 1 ws 4 3031 30624 88 2784 30624 88 2784
    16 249 90 48 48 ws 1 1895 7968 22410 8640 7968 22410 8640
    171 39 124 32 130 ws 16 725 6669 4836 42408 6669 4836 42408
    377 92 302 100 32 os 3 8879 346840 111136 119134 346840 107788 113885
    24 77 209 17 64 os 4 1247 7392 32186 5664 1848 31309 5079
    254 325 122 100 24 os 16 8045 495300 118950 33220 495300 41400 30988
    179 27 163 7 5 os 2 31745 159489 114426 39473 159489 4621 29177
    113 100 67 12 7 os 1 11699 113000 67000 9471 113000 63400 7571
    8 38 76 7 17 os 5 599 1520 5776 848 304 3500 608
    30 110 269 17 5 os 8 14039 178200 59180 10446 3300 30990 8070
    229 97 119 12 24 os 16 13099 111065 230860 30851 111065 12709 27251
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines(), ids=str.strip)
def test_counts_are_those_of_scale_sim(case: str) -> None:
    m, k, n, rows, cols, dataflow, buffer_kb, *counts = case.split()
    shape = Gemm(int(m), int(k), int(n)), Array(int(rows), int(cols)), Dataflow(dataflow)
    words = int(buffer_kb) * 1024
    expected = [int(count) for count in counts]
    assert cycles(*shape, FoldOverlap.SCALE_SIM) == expected[0]
    assert sram_words(*shape) == Words(*expected[1:4])
    assert dram_words(*shape, Buffers(words, words, words)) == Words(*expected[4:])
