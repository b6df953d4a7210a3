"""Names of the step graph's values: the one place that spells them."""

LR = "hyper/lr"
STEP = "hyper/step"
TARGET = "target"
RANDOM_STATE = "random/state"
"""What the random numbers of a step follow from; one more after every step."""
BATCH_PREFIX = "in_"
"""Of the model inputs, which are numbered."""


def batch_name(index: int) -> str:
    """Return the name of the model input at `index`."""
    return f"{BATCH_PREFIX}{index}"


def state_name(slot: str, parameter: str) -> str:
    """Return the name of an optimizer state tensor of `parameter`."""
    return f"{slot}/{parameter}"
