"""The command line: arguments in, one library call, tables or JSON out."""

import sys

from hptc.errors import INTERRUPTED, INTERRUPTED_MESSAGE


def main() -> None:
    """Run the command line; `-vv` may stand anywhere."""
    try:
        from hptc.cli.app import app

        app(args=[argument for argument in sys.argv[1:] if argument != "-vv"])
    except KeyboardInterrupt:  # before a command could guard itself
        sys.stderr.write(f"hptc: {INTERRUPTED_MESSAGE}\n")
        sys.exit(INTERRUPTED)
