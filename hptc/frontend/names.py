"""Names of the step graph's values: the one place that spells them."""

LR = "hyper/lr"
STEP = "hyper/step"
TARGET = "target"
LORA_A = "lora_a"
LORA_B = "lora_b"


def batch_name(index: int) -> str:
    """Return the name of the model input at `index`."""
    return f"in_{index}"


def state_name(slot: str, parameter: str) -> str:
    """Return the name of an optimizer state tensor of `parameter`."""
    return f"{slot}/{parameter}"


def factor_name(weight: str, factor: str) -> str:
    """Return the name of a trained factor of a reparametrised weight."""
    return f"{weight}.{factor}"
