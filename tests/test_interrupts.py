"""Ctrl-C where something has to be written whole."""

import os
import signal

from hptc.interrupts import interrupts_held, on_interrupt


def test_what_is_being_written_is_written_whole() -> None:
    seen: list[str] = []
    with on_interrupt(lambda *_: seen.append("interrupt")):
        with interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("written")
        os.kill(os.getpid(), signal.SIGINT)
    assert seen == ["written", "interrupt", "interrupt"]


def test_a_second_interrupt_does_not_wait() -> None:
    seen: list[str] = []
    with on_interrupt(lambda *_: seen.append("interrupt")), interrupts_held():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("written")
    assert seen == ["interrupt", "written", "interrupt"]
