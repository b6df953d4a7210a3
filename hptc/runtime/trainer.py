"""Training through the phases: which form each step runs, what it costs, when it switches."""

import math
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from itertools import chain
from statistics import fmean

import torch
from torch import Tensor

from hptc.errors import HptcError
from hptc.frontend.accumulate import micro_batches
from hptc.ir.graph import Phase
from hptc.ir.names import TARGET
from hptc.runtime.data import TrainingData
from hptc.runtime.execute import StepResult
from hptc.runtime.log import (
    EntryRecord,
    Record,
    StepRecord,
    SwitchRecord,
    Totals,
    ValidationRecord,
)
from hptc.runtime.loss import loss_of
from hptc.runtime.options import TrainOptions, check_options, watched_values
from hptc.runtime.recorded import lasting_steps, recorded
from hptc.runtime.session import Charge, Session
from hptc.runtime.switch import (
    Observation,
    Stage,
    SwitchState,
    advance,
    begin,
    closes_window,
)
from hptc.runtime.transition import State, carry_state, initial_state
from hptc.schedule.model import Bundle


class Trainer:
    """A training run, advanced by reading its records.

    Args:
        bundle: The compiled program, with `full` or `low` or both; with `low` alone, training
            starts there and the switch policy has no say.
        data: What to train on.
        options: How to train.

    Raises:
        UsageError: An option does not fit the bundle.
        BundleError: Its report is malformed.
    """

    def __init__(self, bundle: Bundle, data: TrainingData, options: TrainOptions) -> None:
        check_options(bundle, options)
        self._bundle = bundle
        self._data = data
        self._options = options
        self._policy = options.switch
        self._switch = begin(self._policy)
        if Phase.FULL not in bundle.phases:
            self._switch = SwitchState(stage=Stage.LOW)
        self._watch = watched_values(bundle, options)
        self._running: tuple[Stage, int] | None = None
        self._sessions: dict[Phase, Session] = {}
        self._spent = Charge(0.0, 0.0, 0)
        self._draws = 0
        self._taken = Counter[Phase]()
        self._lasting = {phase: lasting_steps(bundle, phase) for phase in bundle.phases}
        self.steps = 0

    @property
    def phase(self) -> Phase:
        """The phase whose weights the run stands for."""
        low = self._running is not None and self._running[0] is Stage.LOW
        return Phase.LOW if low or Phase.FULL not in self._bundle.phases else Phase.FULL

    @property
    def totals(self) -> Totals:
        """Modelled cost so far."""
        return Totals(
            total_ns=self._spent.time_ns,
            total_pj=self._spent.energy_pj,
            cell_writes=self._spent.cell_writes,
        )

    @property
    def worn(self) -> dict[Phase, int]:
        """Phases that took more steps than crossbars last that they write, with that number."""
        return {
            phase: most
            for phase, most in self._lasting.items()
            if most is not None and self._taken[phase] > most
        }

    def state(self) -> State:
        """Return the state of `phase` as the last step left it."""
        if self.phase in self._sessions:
            return self._sessions[self.phase].state()
        return initial_state(self._bundle, self.phase)

    def records(self) -> Generator[Record, None, None]:
        """Train, and yield what happens.

        Raises:
            HptcError: The loss is not finite.
        """
        epoch = 0
        while self.steps < self._options.steps:
            epoch += 1
            taken = 0
            for batch in self._data.epoch(self._options.seed, epoch):
                yield from self._arrange()
                yield self._step(batch)
                taken += 1
                if self.steps == self._options.steps:
                    break
            if taken == self._data.steps_per_epoch:
                yield from self._validate(epoch)

    def _arrange(self) -> Iterator[Record]:
        """Enter what the next step needs, if that differs from what the last step ran."""
        wanted, before = (self._switch.stage, self._switch.duals), self._running
        if wanted == before:
            return
        stage = wanted[0]
        self._running = wanted
        phase = Phase.FULL if stage is Stage.FULL else Phase.LOW
        if Phase.FULL in self._sessions:
            left = self._sessions[Phase.FULL].state()
            state = carry_state(self._bundle, Phase.FULL, Phase.LOW, left, self._draws)
            self._draws += 1
        else:
            state = initial_state(self._bundle, phase)
        session = Session(self._bundle, phase, state)
        self._sessions[phase] = session
        if stage is Stage.LOW:
            self._sessions.pop(Phase.FULL, None)
        self._spent += session.entry_charge
        if before is not None:
            yield SwitchRecord(step=self.steps, src=before[0].value, dst=stage.value)
        yield EntryRecord(
            step=self.steps,
            phase=phase.value,
            program_ns=session.entry_charge.time_ns,
            program_pj=session.entry_charge.energy_pj,
            totals=self.totals,
        )

    def _step(self, batch: Mapping[str, Tensor]) -> StepRecord:
        stage, number = self._switch.stage, self.steps + 1
        watch = self._watch if closes_window(self._switch, self._policy) else ()
        losses, charge, weights = [], Charge(0.0, 0.0, 0), None
        for phase, session in self._sessions.items():
            is_full = phase is Phase.FULL
            result = session.step(batch, self._rate(phase), watch if is_full else ())
            self._taken[phase] += 1
            losses.append(self._finite_loss(result, number, phase))
            charge += session.step_charge
            if is_full and watch:
                weights = torch.cat([result.watched[name].flatten() for name in watch])
        seen = Observation(losses[0], losses[1] if stage is Stage.DUAL else None, weights)
        self._switch = advance(self._switch, self._policy, seen)
        self.steps = number
        self._spent += charge
        return StepRecord(
            step=number,
            phase=stage.value,
            loss=seen.loss,
            low_loss=seen.low_loss,
            latency_ns=charge.time_ns,
            energy_pj=charge.energy_pj,
            totals=self.totals,
        )

    def _finite_loss(self, result: StepResult, number: int, phase: Phase) -> float:
        loss = float(result.outputs["loss"])
        if not math.isfinite(loss):
            raise HptcError(
                f"training step {number}, phase {phase.value}",
                expected="a finite loss",
                found=str(loss),
                hint=f"Lower the learning rate (it is {self._rate(phase):g}).",
            )
        return loss

    def _rate(self, phase: Phase) -> float:
        low_lr = self._options.low_lr
        return self._options.lr if phase is Phase.FULL or low_lr is None else low_lr

    def _validate(self, epoch: int) -> Iterator[ValidationRecord]:
        """Yield the validation loss, if the bundle can infer and there are samples for it."""
        batches = list(self._data.steps(self._data.validation))
        if not batches or Phase.INFER not in self._bundle.phases:
            return
        options = recorded(self._bundle)
        loss = loss_of(self._bundle)
        state = carry_state(self._bundle, self.phase, Phase.INFER, self.state())
        session = Session(self._bundle, Phase.INFER, state)
        losses = []
        for part in chain(*(micro_batches(batch, options.accumulate) for batch in batches)):
            output = session.step(part, self._options.lr).outputs["output"]
            losses.append(float(loss(output, part[TARGET])))
        yield ValidationRecord(step=self.steps, epoch=epoch, loss=fmean(losses))
