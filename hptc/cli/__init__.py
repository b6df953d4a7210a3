"""The command line: arguments in, one library call, tables or JSON out."""

import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from hptc.errors import INTERRUPTED, INTERRUPTED_MESSAGE


def main() -> None:
    """Run the command line; `-vv` may stand anywhere.

    Commands find in their context when the process began, for limits of its whole time.
    """
    started = time.monotonic()
    if callable(signal.getsignal(signal.SIGINT)):  # else it is ignored
        signal.signal(signal.SIGINT, abort)
    from hptc.cli.app import app

    try:
        app(args=[argument for argument in sys.argv[1:] if argument != "-vv"], obj=started)
    except SystemExit as end:
        _leave(end.code)


def abort(number: int, frame: FrameType | None) -> None:
    """End the process on a Ctrl-C when nothing is being written.

    Before and after a command, and during imports, a KeyboardInterrupt may be lost or abort the
    interpreter.
    """
    if sys.stderr is not None:
        sys.stderr.write(f"hptc: {INTERRUPTED_MESSAGE}\n")
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _leave(code: str | int | None) -> None:
    """End the process at once: taking down the interpreter takes 0.3 s more.

    It would also wait for HiGHS, which nothing can cancel. All is written: a Ctrl-C from now on
    changes nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not isinstance(code, int):
        sys.exit(code)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):  # whoever wrote has told of it
            stream.flush()
    os._exit(code)
