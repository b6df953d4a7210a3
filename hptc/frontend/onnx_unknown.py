"""The error where import needs a value that only the batch decides."""

from hptc.errors import ModelError


class UnknownValueError(ModelError):
    """A value that import needs depends on inputs of the model; `inputs` names them."""

    def __init__(
        self, where: str, *, expected: str, found: str, hint: str, inputs: frozenset[str]
    ) -> None:
        super().__init__(where, expected=expected, found=found, hint=hint)
        self.inputs = inputs
