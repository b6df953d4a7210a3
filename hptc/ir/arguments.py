"""The literal arguments of an operation."""

from hptc.ir.graph import Arg, Op


class Arguments:
    """The arguments of an operation, by position or name, of the type they must have."""

    def __init__(self, op: Op) -> None:
        self._args = op.args
        self._kwargs = dict(op.kwargs)
        self.outputs = len(op.outputs)

    def get(self, position: int, name: str) -> Arg:
        """Return an argument, None if it is not given."""
        given = self._args[position] if position < len(self._args) else None
        return self._kwargs.get(name, given)

    def integer(self, position: int, name: str, default: int) -> int:
        """Return an integer argument."""
        found = self.get(position, name)
        return found if isinstance(found, int) else default

    def integers(self, position: int, name: str) -> list[int]:
        """Return an argument that is one integer or a list of them."""
        found = self.get(position, name)
        items = found if isinstance(found, tuple) else (found,)
        return [item for item in items if isinstance(item, int)]

    def axis(self, position: int, name: str, rank: int, default: int = 0) -> int:
        """Return an axis, counted from the front."""
        return self.integer(position, name, default) % max(rank, 1)
