"""A compiled program as a library user holds it.

Loading, reporting and drawing a program need no torch; the methods that execute it import it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptc.errors import UsageError
from hptc.files import write_file
from hptc.ir.graph import Phase
from hptc.schedule.bundle import load_bundle, save_bundle
from hptc.schedule.model import Bundle
from hptc.viz.page import render

if TYPE_CHECKING:
    from torch import Tensor

    from hptc.runtime.arrays import Array, DataFile
    from hptc.runtime.log import Record
    from hptc.runtime.single import PhaseRun
    from hptc.runtime.train import TrainResult

    Data = str | Path | Mapping[str, Array | Tensor]
    """An `.npz` file, or arrays and tensors by the names `in_0`, ..., `target`."""


@dataclass(frozen=True)
class Program:
    """Graphs, schedules and weights of every compiled phase."""

    bundle: Bundle
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Program:
        """Load a bundle; raises BundleError if it is damaged, unsafe or too new."""
        return cls(load_bundle(Path(path)))

    def report(self) -> Mapping[str, Any]:
        """Return the object that `hptc compile --json` prints."""
        return self.bundle.report

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the bundle atomically; raises UsageError if `path` exists and not `force`."""
        save_bundle(self.bundle, Path(path), force=force)

    def visualize(self, path: str | Path) -> None:
        """Write the page as one self-contained HTML file."""
        write_file(Path(path), render(self.bundle))

    def run(
        self,
        phase: str,
        inputs: Data | None = None,
        *,
        steps: int = 1,
        seed: int = 0,
        numerics: str = "ideal",
    ) -> PhaseRun:
        """Execute steps of a phase by its schedule, from its initial state, on the same inputs.

        Args:
            phase: `full`, `low` or `infer`.
            inputs: What to run on; None draws inputs from `seed`.
            steps: How many steps.
            seed: Of the drawn inputs.
            numerics: `ideal`, or `device` for ReRAM reads at their word lengths.

        Raises:
            UsageError: The program lacks the phase.
            InvalidInputError: The inputs do not fit the graph.
        """
        from hptc.runtime.single import chosen_phases, run_phase

        if steps < 1:
            raise UsageError("steps", expected="at least 1", found=str(steps))
        (chosen,) = chosen_phases(self.bundle, phase)
        given = None if inputs is None else _data_file(inputs)
        return run_phase(
            self.bundle, chosen, steps=steps, inputs=given, seed=seed, numerics=numerics
        )

    def verify(
        self, phase: str | None = None, inputs: Data | None = None, *, seed: int = 0
    ) -> Mapping[str, Any]:
        """Compare a step of one phase or all with the original model.

        Returns the object that `hptc run --verify --json` prints; its `ok` is the verdict.
        """
        from hptc.runtime.verify import verify_phases

        given = None if inputs is None else _data_file(inputs)
        return verify_phases(self.bundle, phase, inputs=given, seed=seed)

    def train(  # noqa: PLR0913  (one argument per option of `hptc train`)
        self,
        data: Data,
        *,
        steps: int = 1000,
        switch: str = "hpt",
        window: int | None = None,
        lr: float | None = None,
        low_lr: float | None = None,
        seed: int = 0,
        log: str | Path | None = None,
        progress: Callable[[Record], None] | None = None,
    ) -> TrainResult:
        """Train through the switch from `full` to `low`, by the schedules.

        Args:
            data: Samples along a leading axis, and optionally `split` (0 train, 1 validation,
                2 test).
            steps: Over all phases.
            switch: `hpt`, `never` or `at:N`.
            window: Steps between tests of the rule `hpt`.
            lr: Learning rate; None takes that of the compilation.
            low_lr: In `low`; None keeps `lr`.
            seed: Decides the order of the samples.
            log: Where to write the records, one JSON object a line.
            progress: Called with each record.

        Raises:
            UsageError: An option does not fit the program.
            InvalidInputError: The data do not fit the graph.
        """
        from hptc.runtime.data import input_aliases, load_training_data
        from hptc.runtime.loss import target_rule
        from hptc.runtime.options import TrainOptions
        from hptc.runtime.recorded import recorded
        from hptc.runtime.switch import DEFAULT_WINDOW, parse_switch
        from hptc.runtime.train import train

        phases = sorted(self.bundle.phases, key=lambda phase: phase is Phase.INFER)
        first = self.bundle.phases[phases[0]]
        rate = recorded(self.bundle).lr if lr is None else lr
        policy = parse_switch(switch, DEFAULT_WINDOW if window is None else window)
        options = TrainOptions(steps=steps, switch=policy, lr=rate, low_lr=low_lr, seed=seed)
        samples = load_training_data(
            _data_file(data), first.graph, input_aliases(self.bundle), target_rule(self.bundle)
        )
        path = None if log is None else Path(log)
        return train(self.bundle, samples, options, path, progress)


def _data_file(given: Data) -> DataFile:
    from hptc.runtime.arrays import in_memory

    return Path(given) if isinstance(given, str | Path) else in_memory(given)
