"""Crossbars for tests: the built-in target `reram` with some keys changed."""

from functools import cache
from typing import Any

from cost_models.load import load_target
from cost_models.reram import ReramModel, ReramParams


@cache
def _table(target: str) -> dict[str, Any]:
    return dict(load_target(target).device("reram").table)


def params(target: str = "reram", **changed: Any) -> ReramParams:
    """Return the parameters of a built-in target, with changes."""
    return ReramParams.model_validate({**_table(target), **changed})


def model(**changed: Any) -> ReramModel:
    """Return the model of `reram`, tasks starting at once, with changes."""
    return ReramModel(params(**{"dispatch_ns": 0.0, **changed}))
