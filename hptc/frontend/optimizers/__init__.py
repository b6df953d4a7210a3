"""Optimizers by name, one file each."""

from collections.abc import Mapping

from hptc.frontend.choices import choice_text, parse_choice
from hptc.frontend.optimizers.adafactor import Adafactor
from hptc.frontend.optimizers.adam import Adam, AdamW
from hptc.frontend.optimizers.sgd import Sgd

Optimizer = Sgd | Adam | AdamW | Adafactor

OPTIMIZERS: Mapping[str, type[Optimizer]] = {
    "sgd": Sgd,
    "adam": Adam,
    "adamw": AdamW,
    "adafactor": Adafactor,
}


def parse_optimizer(text: str) -> Optimizer:
    """Return the optimizer that a text such as `sgd:momentum=0.9` names; raises UsageError."""
    return parse_choice("--optimizer", text, OPTIMIZERS)


def optimizer_text(optimizer: Optimizer) -> str:
    """Return the text that names an optimizer, with every setting."""
    return choice_text(optimizer, OPTIMIZERS)
