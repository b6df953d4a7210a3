"""ReRAM crossbars that hold matrices and multiply vectors by them where they lie.

A device of this kind runs contractions only, and only those with a matrix that does not depend on
the batch; every matrix computes in its own crossbars. Reads of one matrix follow each other: with
`input_bits` bit-serial phases a long token sequence loses time here unless copies share it, which
the latency shows (ceil(vectors / copies) * phases * phase time). Writes of a trained matrix are
priced, whatever the endurance: `hptc.schedule.pose` counts them against it, and says so where none
is left. The formulas are in `crossbar`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cost_models.reram.copies import Demand, allot_copies
from cost_models.reram.geometry import (
    Drive,
    Geometry,
    Held,
    InputMode,
    SliceLayout,
    buffer_bytes,
    capped_ns,
    cells,
    converted_lines,
    crossbars,
    input_phases,
    phase_ns,
    program_time_ns,
    read_counts,
    read_energy_pj,
)
from cost_models.reram.params import ReramParams
from cost_models.work import Matrix, TaskWork
from hptc.cost import Cost, CrossbarUse, DeviceCosts
from hptc.ir.graph import Role
from hptc.units import Ns, Pj

TRANSPOSED_SUFFIX = "^T"


@dataclass(frozen=True, slots=True)
class _Read:
    """One task, bound to the matrix it reads."""

    task: str
    matrix: str
    held: Held
    transposed: bool
    """Against the programmed orientation."""
    vectors: int
    vector_ns: float
    vector_pj: float
    trained: bool


@dataclass(frozen=True, slots=True)
class ReramModel:
    """Prices contractions on crossbars."""

    params: ReramParams

    def device_costs(self, name: str, work: Sequence[TaskWork]) -> DeviceCosts:
        """Return prices for the contractions whose matrix can be held, None for other tasks."""
        reads = self._reads(work)
        fixed = [read for read in reads if not read.trained and self._fits(read.held)]
        copies = allot_copies(self._demands(fixed), self.params.crossbars, self.params.max_copies)
        costs: dict[str, Cost | None] = {task.name: None for task in work}
        for read in reads:
            costs[read.task] = self._cost(read, copies.get(read.matrix, 1))
        return DeviceCosts(
            name=name,
            kind="reram",
            static_power_w=self.params.static_power_w,
            capacity_crossbars=self.params.crossbars,
            tasks=costs,
            write_budget_per_cell=self.params.endurance_writes / self.params.wear_imbalance,
        )

    def figures(self) -> Mapping[str, float]:
        """Return the weights that all crossbars hold together."""
        p, geometry = self.params, self.geometry()
        return {"capacity_weights": p.crossbars * p.rows * p.cols // geometry.slices}

    def geometry(self) -> Geometry:
        """Return the arrays, and the cells that hold one weight."""
        p = self.params
        slices = -(-p.weight_bits // p.cell_bits)
        return Geometry(p.rows, p.cols, slices, SliceLayout(p.slice_layout))

    def vector_ns(self, held: Held, bits: int, transposed: bool) -> Ns:
        """Return the time in which one vector of `bits`-bit inputs passes through a matrix."""
        p, geometry = self.params, self.geometry()
        drive = Drive(InputMode(p.input_mode), p.dac_bits, p.pulse_unit_ns)
        adcs = p.adcs_per_array
        if transposed and p.row_adcs_per_array is not None:
            adcs = p.row_adcs_per_array
        lines = -(-converted_lines(held, geometry, transposed) // adcs)
        phase = phase_ns(drive, bits, p.array_read_ns, lines / p.adc_rate_gsps)
        passes = read_counts(held, geometry, transposed).passes
        return Ns(input_phases(drive, bits) * passes * phase)

    def vector_pj(self, held: Held, bits: int, transposed: bool) -> Pj:
        """Return the energy of one vector: DACs, cells, ADCs, shift-and-add and buffers."""
        p, geometry = self.params, self.geometry()
        drive = Drive(InputMode(p.input_mode), p.dac_bits, p.pulse_unit_ns)
        converted = read_energy_pj(
            read_counts(held, geometry, transposed),
            input_phases(drive, bits),
            p.dac_energy_pj,
            p.cell_read_energy_pj,
            p.adc_energy_pj_per_level * 2**p.adc_bits + p.shift_add_energy_pj,
        )
        buffered = buffer_bytes(held, bits, p.output_bits, transposed)
        return Pj(converted + buffered * p.buffer_energy_pj_per_byte)

    def programming(self, held: Held, copies: int) -> tuple[Ns, Pj]:
        """Return the time and energy of writing all copies once, under the power cap."""
        p, geometry = self.params, self.geometry()
        row_ns = p.write_pulses * (p.write_pulse_ns + p.verify_read_ns)
        energy_pj = copies * cells(held, geometry) * p.write_energy_pj_per_cell
        time_ns = program_time_ns(held, geometry, row_ns)
        return capped_ns(time_ns, energy_pj, p.write_power_cap_w), Pj(energy_pj)

    def _fits(self, held: Held) -> bool:
        return crossbars(held, self.geometry()) <= self.params.crossbars

    def _reads(self, work: Sequence[TaskWork]) -> list[_Read]:
        found = [(task, task.matrix) for task in work if task.matrix is not None]
        upright = _orientations(found)
        return [self._read(task, matrix, upright[matrix.read.matrix]) for task, matrix in found]

    def _read(self, task: TaskWork, matrix: Matrix, upright: bool) -> _Read:
        p, read = self.params, matrix.read
        turned = read.transposed != upright
        transposed = turned and p.transposable
        held = Held(read.rows, read.cols, read.batch)
        if transposed:
            held = Held(read.cols, read.rows, read.batch)
        gradient = task.role in {Role.INPUT_GRADIENT, Role.WEIGHT_GRADIENT}
        bits = p.gradient_bits if gradient else p.input_bits
        return _Read(
            task=task.name,
            matrix=read.matrix + (TRANSPOSED_SUFFIX if turned and not p.transposable else ""),
            held=held,
            transposed=transposed,
            vectors=read.vectors,
            vector_ns=self.vector_ns(held, bits, transposed),
            vector_pj=self.vector_pj(held, bits, transposed),
            trained=matrix.trained,
        )

    def _demands(self, reads: Sequence[_Read]) -> dict[str, Demand]:
        """Group the reads by matrix."""
        by_matrix: dict[str, list[_Read]] = {}
        for read in reads:
            by_matrix.setdefault(read.matrix, []).append(read)
        return {
            name: Demand(
                max(crossbars(read.held, self.geometry()) for read in group),
                tuple((read.vectors, read.vector_ns) for read in group),
            )
            for name, group in by_matrix.items()
        }

    def _cost(self, read: _Read, copies: int) -> Cost | None:
        p = self.params
        writes = 1 if read.trained else 0
        if not self._fits(read.held):
            return None
        energy_pj = read.vectors * read.vector_pj
        reads_ns = -(-read.vectors // copies) * read.vector_ns
        latency_ns = p.dispatch_ns + capped_ns(reads_ns, energy_pj, p.read_power_cap_w)
        program_ns, program_pj = self.programming(read.held, copies)
        use = CrossbarUse(
            matrix=read.matrix,
            crossbars=copies * crossbars(read.held, self.geometry()),
            copies=copies,
            cells=copies * cells(read.held, self.geometry()),
            program_ns=program_ns,
            program_pj=program_pj,
            writes_per_step=writes,
        )
        return Cost(Ns(latency_ns + writes * program_ns), Pj(energy_pj + writes * program_pj), use)


def _orientations(found: Sequence[tuple[TaskWork, Matrix]]) -> Mapping[str, bool]:
    """Say for each matrix whether its upright reads count as transposed in storage.

    A matrix is programmed the way its first forward task reads it (else its first task).
    """
    upright: dict[str, bool] = {}
    for wanted in (True, False):
        for task, matrix in found:
            if (task.role is Role.FORWARD) is wanted:
                upright.setdefault(matrix.read.matrix, matrix.read.transposed)
    return upright
