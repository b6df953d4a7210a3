"""Derivatives of the user's own (`torch.autograd.Function`), which torch.export leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from hptc.errors import UnsupportedOpError


@contextmanager
def refused_derivatives() -> Iterator[None]:
    """Refuse functions whose derivative would be lost, as long as the context lasts.

    torch.export records what their forward does and forgets their backward, so that the gradient
    would be another one; those of torch itself have the derivative of what they run.
    """
    function: Any = torch.autograd.Function
    original = function.__dict__["apply"]

    def apply(cls: type[Any], /, *args: object, **kwargs: object) -> object:
        trains = any(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
        if trains and torch.is_grad_enabled() and not cls.__module__.startswith("torch."):
            raise UnsupportedOpError(
                f"{cls.__name__} (a torch.autograd.Function)",
                expected="operations of torch, which have their derivatives",
                found="a function with a derivative of its own, which torch.export leaves out",
                hint="Write it with detach, e.g. x + (f(x) - x).detach(), or as a custom operator.",
            )
        return original.__func__(cls, *args, **kwargs)

    function.apply = classmethod(apply)
    try:
        yield
    finally:
        function.apply = original
