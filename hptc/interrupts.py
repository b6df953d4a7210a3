"""Ctrl-C: who takes it, for how long, and who took it before."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def on_interrupt(handler: Handler) -> Iterator[Handler | None]:
    """Let `handler` take SIGINT while the context lasts; yields the handler before, if any.

    Signals reach the main thread only: in any other nothing changes. Where SIGINT was ignored, as
    a script has it for what it starts in the background, `kill -INT` reaches the handler too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield before if callable(before) else None
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let a Ctrl-C wait until the context ends; a second one does not."""
    held: list[FrameType | None] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(frame)
        if len(held) > 1 and before is not None:
            before(number, frame)

    with on_interrupt(hold) as before:
        yield
    if held and before is not None:
        before(signal.SIGINT, held[0])
