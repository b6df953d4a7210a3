"""Train a compiled program: the run, its log, a clean stop on Ctrl-C, and the weights it leaves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from safetensors.torch import save
from torch import Tensor

from hptc.custom_ops.arrays import to_tensor
from hptc.files import write_file
from hptc.interrupts import on_interrupt
from hptc.ir.adapter import parts_of
from hptc.ir.graph import Phase, ValueKind
from hptc.runtime.data import TrainingData
from hptc.runtime.log import Record, StepRecord, SwitchRecord, Totals, write_log
from hptc.runtime.options import TrainOptions
from hptc.runtime.trainer import Trainer
from hptc.runtime.transition import State, leaving, merge_state
from hptc.schedule.model import Bundle


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended."""

    steps: int
    phase: Phase
    """Phase of the last step (`full` while both forms train)."""
    loss: float | None
    """Of the last step."""
    switched_at: int | None
    """Steps taken before `low` took over, if it did."""
    is_interrupted: bool
    totals: Totals
    worn: Mapping[Phase, int]
    """Phases that took more steps than crossbars last that they write, with that number."""
    weights: Mapping[str, Tensor]
    """The trained model, see `final_weights`."""


def train(
    bundle: Bundle,
    data: TrainingData,
    options: TrainOptions,
    log: Path | None = None,
    progress: Callable[[Record], None] | None = None,
) -> TrainResult:
    """Train to the end of `options.steps`, or to the first Ctrl-C.

    The first Ctrl-C lets the step under way finish; a second one raises KeyboardInterrupt.

    Args:
        bundle: The compiled program.
        data: What to train on.
        options: How to train.
        log: Where to write the records, one JSON object a line.
        progress: Called with each record once it is in the log.

    Raises:
        UsageError: An option does not fit the bundle.
        HptcError: The loss is not finite.
    """
    trainer = Trainer(bundle, data, options)
    records = trainer.records() if log is None else write_log(trainer.records(), log)
    loss, switched_at, is_interrupted = None, None, False
    with _interrupts() as is_asked_to_stop, closing(records):
        for record in records:
            if progress is not None:
                progress(record)
            if isinstance(record, StepRecord):
                loss = record.loss
            elif isinstance(record, SwitchRecord) and record.dst == Phase.LOW.value:
                switched_at = record.step
            if is_asked_to_stop():
                is_interrupted = trainer.steps < options.steps
                break
    return TrainResult(
        steps=trainer.steps,
        phase=trainer.phase,
        loss=loss,
        switched_at=switched_at,
        is_interrupted=is_interrupted,
        totals=trainer.totals,
        worn=trainer.worn,
        weights=final_weights(bundle, trainer.phase, trainer.state()),
    )


def final_weights(bundle: Bundle, phase: Phase, state: Mapping[str, Tensor]) -> State:
    """Return the model's parameters and buffers under their original names.

    The adapters of `low` are folded in, if the bundle says how to leave `low`; otherwise their
    parts stand beside the frozen weights.

    Args:
        bundle: The compiled program.
        phase: The phase that left `state`.
        state: What it left.
    """
    kinds = {value.name: value.kind for c in bundle.phases.values() for value in c.graph.values}
    held = {name: to_tensor(array) for name, array in bundle.weights.items()} | dict(state)
    transition = leaving(bundle, phase)
    held = merge_state(transition, held)
    parts = {part.name for part in parts_of(transition.adapters)}
    outside = (ValueKind.STATE, ValueKind.CONSTANT, ValueKind.RANDOM)
    return {
        name: tensor
        for name, tensor in held.items()
        if kinds.get(name) not in outside and name not in parts
    }


def save_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as a safetensors file, whole or not at all.

    Args:
        state: Tensors by name.
        path: The file; an existing one is replaced.

    Raises:
        UsageError: The file cannot be written.
    """
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
    write_file(path, save(tensors))


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into the answer of the function given; a second one raises."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    with on_interrupt(note):
        yield lambda: bool(asked)
