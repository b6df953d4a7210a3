"""ReRAM crossbars that hold matrices and multiply vectors by them where they lie.

A device of this kind runs contractions only, and only those with a matrix that does not depend on
the batch; every matrix computes in its own crossbars. Reads of one matrix follow each other: with
`input_bits` bit-serial phases a long token sequence loses time here unless copies share it, which
the latency shows ((ceil(vectors / copies) - 1) * interval + latency of one). A trained matrix
is written once a step, which the price of its reads leaves out: `hptc.schedule.pose` charges it,
and counts it against the endurance. What one vector takes is in `read`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cost_models.reram.area import area_mm2, leakage_w
from cost_models.reram.copies import Demand, offered_copies
from cost_models.reram.geometry import Held, cells, cells_per_weight, crossbars
from cost_models.reram.params import ReramParams
from cost_models.reram.peak import peak
from cost_models.reram.programming import capped_ns, programming
from cost_models.reram.read import VectorRead, vector_read
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
    each: VectorRead
    trained: bool


@dataclass(frozen=True, slots=True)
class ReramModel:
    """Prices contractions on crossbars."""

    params: ReramParams

    def device_costs(self, name: str, work: Sequence[TaskWork]) -> DeviceCosts:
        """Return prices for the contractions whose matrix can be held, None for other tasks."""
        reads = self._reads(work)
        copies = self._copies(reads)
        costs: dict[str, Cost | None] = {task.name: None for task in work}
        copied: dict[str, tuple[Cost, ...]] = {}
        for read in reads:
            first, *more = copies.get(read.matrix, (1,))
            costs[read.task] = self._cost(read, first)
            if more:
                copied[read.task] = tuple(self._cost(read, count) for count in more)
        return DeviceCosts(
            name=name,
            kind="reram",
            static_power_w=leakage_w(self.params),
            capacity_crossbars=self.params.crossbars,
            tasks=costs,
            copied=copied,
            write_budget_per_cell=self.params.endurance_writes / self.params.wear_imbalance,
            write_power_cap_w=self.params.write_power_cap_w,
        )

    def figures(self) -> Mapping[str, float]:
        """Return capacity, peak rate, efficiency, leakage and (where the target says) area.

        The peak is that of full arrays with inputs of `input_bits`, as far as the cap on the power
        of reads lets them; an operation is one multiplication or one addition.
        """
        p, found = self.params, peak(self.params)
        area = area_mm2(p)
        return {
            "capacity_weights": p.crossbars * p.rows * p.cols // cells_per_weight(p),
            "peak_tops": found.tops,
            "tops_per_w": found.tops_per_w,
            "leakage_w": leakage_w(p),
            **({"area_mm2": area} if area else {}),
        }

    def _reads(self, work: Sequence[TaskWork]) -> list[_Read]:
        found = [(task, task.matrix) for task in work if task.matrix is not None]
        upright = _orientations(found)
        bound = [self._bound(task, matrix, upright[matrix.read.matrix]) for task, matrix in found]
        return [read for read in bound if read is not None]

    def _bound(self, task: TaskWork, matrix: Matrix, upright: bool) -> _Read | None:
        p, read = self.params, matrix.read
        turned = read.transposed != upright
        transposed = turned and p.transposable
        held = Held(read.rows, read.cols, read.batch)
        if transposed:
            held = Held(read.cols, read.rows, read.batch)
        if crossbars(held, p) > p.crossbars:
            return None
        gradient = task.role in {Role.INPUT_GRADIENT, Role.WEIGHT_GRADIENT}
        bits = p.gradient_bits if gradient else p.input_bits
        return _Read(
            task=task.name,
            matrix=read.matrix + (TRANSPOSED_SUFFIX if turned and not p.transposable else ""),
            held=held,
            transposed=transposed,
            vectors=read.vectors,
            each=vector_read(p, held, bits, transposed),
            trained=matrix.trained,
        )

    def _copies(self, reads: Sequence[_Read]) -> dict[str, tuple[int, ...]]:
        """Return the numbers of copies of the matrices whose contents stay fixed."""
        by_matrix: dict[str, list[_Read]] = {}
        for read in reads:
            by_matrix.setdefault(read.matrix, []).append(read)
        demands, others = dict[str, Demand](), 0
        for name, group in by_matrix.items():
            size = max(crossbars(read.held, self.params) for read in group)
            if all(read.held.weights and read.vectors and not read.trained for read in group):
                demands[name] = Demand(size, _vectors(group))
            else:
                others += size
        return offered_copies(demands, self.params.crossbars, others, self.params.max_copies)

    def _cost(self, read: _Read, copies: int) -> Cost:
        p = self.params
        energy_pj = read.vectors * read.each.energy_pj
        reads = -(-read.vectors // copies)
        alone_ns = read.each.latency_ns if reads else 0.0
        following_ns = max(reads - 1, 0) * read.each.interval_ns
        reads_ns = capped_ns(alone_ns + following_ns, energy_pj, p.read_power_cap_w)
        once = programming(p, read.held, copies)
        use = CrossbarUse(
            matrix=read.matrix,
            crossbars=copies * crossbars(read.held, p),
            copies=copies,
            cells=copies * cells(read.held, p),
            program_ns=capped_ns(once.time_ns, once.energy_pj, p.write_power_cap_w),
            program_pj=once.energy_pj,
            writes_per_step=1 if read.trained else 0,
            reads=reads,
            waiting_ns=Ns(reads_ns - alone_ns),
        )
        return Cost(Ns(p.dispatch_ns + reads_ns), Pj(energy_pj), use)


def _vectors(group: Sequence[_Read]) -> tuple[int, ...]:
    """Return the vectors read each way, those of all tasks: the same however they are cut."""
    found = {read.transposed: 0 for read in group}
    for read in group:
        found[read.transposed] += read.vectors
    return tuple(found.values())


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
