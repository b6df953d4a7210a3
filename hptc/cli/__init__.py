"""The command line: arguments in, one library call, tables or JSON out."""

import os
import sys
import threading
from contextlib import suppress

from hptc.errors import INTERRUPTED, INTERRUPTED_MESSAGE


def main() -> None:
    """Run the command line; `-vv` may stand anywhere."""
    try:
        from hptc.cli.app import app

        app(args=[argument for argument in sys.argv[1:] if argument != "-vv"])
    except KeyboardInterrupt:  # before a command could guard itself
        sys.stderr.write(f"hptc: {INTERRUPTED_MESSAGE}\n")
        _leave(INTERRUPTED)
    except SystemExit as end:
        _leave(end.code)


def _leave(code: str | int | None) -> None:
    """End the process: at once where HiGHS, which nothing can cancel, still has a thread."""
    if threading.active_count() > 1 and isinstance(code, int):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
