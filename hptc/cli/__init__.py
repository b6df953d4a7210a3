"""The command line: arguments in, one library call, tables or JSON out."""

from hptc.cli.app import main

__all__ = ["main"]
