"""What every cost model promises, over every device of every built-in target."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models.load import builtin_targets, load_target
from cost_models.price import price_device
from cost_models.registry import KINDS
from cost_models.work import TaskWork
from hptc.cost import Cost
from hptc.ir.families import Family
from hptc.ir.graph import Graph
from hptc.target import DeviceSpec
from tests.cost_examples import every_family, layer, work_of


def all_devices() -> Iterator[tuple[str, DeviceSpec]]:
    """Every device of every built-in target by `TARGET/DEVICE`; what others extend comes once."""
    seen: list[tuple[str, Mapping[str, object]]] = []
    for target in builtin_targets():
        for spec in load_target(target).devices:
            if (spec.kind, spec.table) not in seen:
                seen.append((spec.kind, spec.table))
                yield f"{target}/{spec.name}", spec


DEVICES = dict(all_devices())
SPATIAL = {name for name, spec in DEVICES.items() if spec.kind == "reram"}
SIZES = st.integers(1, 3000)
HUGE = 1_000_000
FIGURES = ("latency_ns", "energy_pj")
Costs = Mapping[str, Cost | None]
NOISE = 1 + 1e-9
RATES = ("_bytes_per_ns", "_ghz", "_gsps", "_gbps", "_tflops", "_efficiency", "_cap_w")
ENERGIES = ("_pj_per_flop", "_pj_per_byte", "_pj_per_bit", "_pj_per_cycle", "_pj_per_level")
UNITS = ("_tops", "_tflops", "_bytes_per_ns", "_mm2", "_w", "_weights", "_fraction")
every_device = pytest.mark.parametrize("device", DEVICES)


def costs_of(spec: DeviceSpec, graph: Graph) -> Costs:
    return price_device(spec, tuple(work_of(graph).values())).tasks


def changed(spec: DeviceSpec, **numbers: object) -> DeviceSpec:
    return replace(spec, table={**spec.table, **numbers})


def without_choices(spec: DeviceSpec) -> DeviceSpec:
    """The device where nothing is traded: the fastest of several ways may take more energy.

    One array and one dataflow, and one copy of each matrix.
    """
    fixed = {"max_copies": 1, "count": 1, "dataflow": "os"}
    return changed(spec, **{key: value for key, value in fixed.items() if key in spec.table})


def without_memory(spec: DeviceSpec) -> DeviceSpec:
    """The device without what a systolic array moves.

    Words are counted as SCALE-Sim fetches them, and jump up and down with a size wherever the words
    of a fold just miss their buffer.
    """
    if spec.kind != "systolic":
        return spec
    free = {"buffer_energy_pj_per_byte": 0.0, "memory_energy_pj_per_byte": 0.0}
    return changed(spec, memory_bandwidth_bytes_per_ns=1e12, **free)


def never_above(low: Costs, high: Costs, figures: Sequence[str] = FIGURES) -> None:
    """Check that every task that both can run takes no more in `low` than in `high`."""
    for name, cost in high.items():
        other = low[name]
        if cost is not None and other is not None:
            for figure in figures:
                assert getattr(other, figure) <= getattr(cost, figure) * NOISE, (name, figure)


@every_device
@settings(max_examples=12)
@given(tokens=SIZES, inputs=SIZES, outputs=SIZES)
def test_costs_are_finite_and_never_negative(
    device: str, tokens: int, inputs: int, outputs: int
) -> None:
    for cost in costs_of(DEVICES[device], layer(tokens, inputs, outputs)).values():
        if cost is not None:
            assert 0 < cost.latency_ns < math.inf
            assert 0 < cost.energy_pj < math.inf
            if cost.crossbars is not None:
                assert 0 < cost.crossbars.program_ns < math.inf
                assert 0 < cost.crossbars.program_pj < math.inf


@every_device
@pytest.mark.parametrize("axis", [0, 1, 2], ids=["tokens", "inputs", "outputs"])
@settings(max_examples=12)
@given(sizes=st.tuples(SIZES, SIZES, SIZES), factor=st.integers(1, 9), more=st.integers(0, 40))
def test_costs_never_shrink_with_a_size(
    device: str, axis: int, sizes: tuple[int, int, int], factor: int, more: int
) -> None:
    spec = without_memory(DEVICES[device])
    larger = tuple(size * factor + more if i == axis else size for i, size in enumerate(sizes))
    fixed = without_choices(spec)
    never_above(costs_of(fixed, layer(*sizes)), costs_of(fixed, layer(*larger)))
    if device not in SPATIAL:  # a larger matrix may leave no crossbars for copies of another
        free = costs_of(spec, layer(*sizes)), costs_of(spec, layer(*larger))
        never_above(*free, ["latency_ns"])


@every_device
def test_costs_never_shrink_with_the_rows_of_any_family(device: str) -> None:
    tables = [costs_of(DEVICES[device], every_family(rows)) for rows in (1, 8, 100, 5000, 10**6)]
    for small, large in pairwise(tables):
        never_above(small, large)


@every_device
def test_every_family_is_answered(device: str) -> None:
    found = costs_of(DEVICES[device], every_family())
    assert set(found) == {family.value for family in Family}
    runs = {name for name, cost in found.items() if cost is not None}
    assert runs == ({"contraction"} if device in SPATIAL else set(found))


@every_device
@pytest.mark.parametrize("size", [0, 1], ids=["nothing", "views"])
def test_empty_tasks_take_nothing(device: str, size: int) -> None:
    graph = every_family() if size else layer(0)
    found = costs_of(DEVICES[device], graph)
    for name in ["view"] if size else ["h", "r", "z", "dx", "l"]:
        cost = found[name]
        if cost is not None:
            assert (cost.latency_ns, cost.energy_pj) == (0.0, 0.0), name


@every_device
@settings(max_examples=15)
@given(sizes=st.tuples(SIZES, SIZES, SIZES))
def test_a_fused_task_takes_no_more_than_its_parts(
    device: str, sizes: tuple[int, int, int]
) -> None:
    """Parts keep their arithmetic; only what stays inside need not be moved or started again."""
    fused = layer(*sizes)
    parts = replace(fused, ops=tuple(replace(op, task=op.name) for op in fused.ops))
    whole, apart = costs_of(DEVICES[device], fused), costs_of(DEVICES[device], parts)
    members = {name: [op.name for op in fused.ops if op.task == name] for name in ("r", "o")}
    for name, ops in members.items():
        cost, found = whole[name], [apart[op] for op in ops]
        if cost is not None:
            assert cost.latency_ns <= sum(c.latency_ns for c in found if c) * NOISE
            assert cost.energy_pj <= sum(c.energy_pj for c in found if c) * NOISE


def numbers_of(spec: DeviceSpec, *endings: str) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in spec.table.items()
        if isinstance(value, int | float) and key.endswith(endings)
    }


def halved(spec: DeviceSpec, key: str) -> tuple[Costs, Costs]:
    """Prices with half of a number, and with all of it."""
    half = changed(spec, **{key: float(str(spec.table[key])) / 2})
    low, high = (
        {**costs_of(found, layer(57, 512, 384)), **costs_of(found, every_family(300))}
        for found in (half, spec)
    )
    return low, high


@every_device
def test_a_higher_rate_is_never_slower(device: str) -> None:
    spec = without_choices(DEVICES[device])
    found = numbers_of(spec, *RATES)
    assert found
    for key in found:
        half, whole = halved(spec, key)
        never_above(whole, half, ["latency_ns"])


@every_device
def test_a_longer_time_is_never_faster(device: str) -> None:
    spec = without_choices(DEVICES[device])
    found = numbers_of(spec, "_ns").keys() - numbers_of(spec, *RATES).keys()
    found -= {"boost_window_ns"}  # how long a card is at its fastest
    assert found
    for key in found:
        never_above(*halved(spec, key), ["latency_ns"])


@every_device
def test_more_energy_for_a_part_is_never_less_for_the_whole(device: str) -> None:
    spec = without_choices(DEVICES[device])
    found = {**numbers_of(spec, "_pj"), **numbers_of(spec, *ENERGIES)}
    assert found or spec.kind == "gpu"
    for key in found:
        never_above(*halved(spec, key), ["energy_pj"])


@every_device
def test_area_and_static_power_are_not_part_of_a_task(device: str) -> None:
    spec = DEVICES[device]
    if spec.kind == "gpu":  # its dynamic power is what the static leaves of the design power
        return
    for key in numbers_of(spec, "_um2", "_mm2", "_um2_per_kib", "static_power_w"):
        half, whole = halved(spec, key)
        assert half == whole, key


@every_device
def test_figures_are_finite_and_name_their_unit(device: str) -> None:
    spec = DEVICES[device]
    found = KINDS[spec.kind].build(spec.table).figures()
    assert found
    for name, figure in found.items():
        assert name.endswith(UNITS), name
        assert 0 <= figure < math.inf, name


@pytest.mark.parametrize("device", sorted(SPATIAL))
def test_finer_conversion_never_takes_less_energy(device: str) -> None:
    spec = without_choices(DEVICES[device])
    bits = int(str(spec.table["adc_bits"]))
    finer = changed(spec, adc_bits=bits + 1)
    graph = layer(57, 512, 384)
    never_above(costs_of(spec, graph), costs_of(finer, graph), ["energy_pj"])


@pytest.mark.parametrize("device", sorted(SPATIAL))
@settings(max_examples=12)
@given(sizes=st.lists(st.tuples(SIZES, SIZES, SIZES), min_size=1, max_size=4))
def test_fixed_matrices_that_fit_once_fit_with_their_copies(
    device: str, sizes: list[tuple[int, int, int]]
) -> None:
    priced = price_device(DEVICES[device], many(sizes))
    capacity = priced.capacity_crossbars
    assert capacity is not None
    uses = [cost.crossbars for cost in priced.tasks.values() if cost and cost.crossbars]
    fixed = {use.matrix: use for use in uses if not use.writes_per_step}
    assert all(use.crossbars <= capacity for use in uses)
    assert all(use.crossbars % use.copies == 0 for use in uses)
    if sum(use.crossbars // use.copies for use in fixed.values()) <= capacity:
        assert sum(use.crossbars for use in fixed.values()) <= capacity
    else:
        assert all(use.copies == 1 for use in uses)


def many(sizes: Sequence[tuple[int, int, int]]) -> list[TaskWork]:
    """The work of several layers, whose matrices differ."""
    work = []
    for number, size in enumerate(sizes):
        for task in work_of(layer(*size)).values():
            matrix = task.matrix
            if matrix is not None:
                read = replace(matrix.read, matrix=f"{matrix.read.matrix}_{number}")
                matrix = replace(matrix, read=read)
            work.append(replace(task, name=f"{task.name}_{number}", matrix=matrix))
    return work


@every_device
@pytest.mark.parametrize(
    "sizes", [(HUGE, HUGE, HUGE), (1, HUGE, HUGE), (HUGE, 1, 1), (1, 1, HUGE)], ids=str
)
def test_huge_sizes_have_a_price_too(device: str, sizes: tuple[int, int, int]) -> None:
    found = costs_of(DEVICES[device], layer(*sizes))
    for name, cost in found.items():
        assert cost is not None or device in SPATIAL, name
        assert cost is None or 0 < cost.latency_ns < math.inf
        assert cost is None or 0 < cost.energy_pj < math.inf
