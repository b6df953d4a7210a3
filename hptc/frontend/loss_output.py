"""The model output that a loss takes, checked before any step is traced."""

import torch
from torch import Tensor

from hptc.errors import ModelError
from hptc.frontend.torch import Model


def loss_output(model: Model, index: int) -> Tensor:
    """Return zeros like the output at `index`.

    Raises ModelError where no loss has a gradient there: it is no tensor of real numbers, or has
    no element.
    """
    node = next(iter(reversed(model.program.graph.nodes)))
    mutated = len(model.program.graph_signature.output_specs) - len(model.output_names)
    output = getattr(node.args[0][mutated + index], "meta", {}).get("val")
    if isinstance(output, Tensor) and _has_gradient(output) and output.numel():
        return torch.zeros(tuple(output.shape), dtype=output.dtype)
    raise ModelError(
        f"output {model.output_names[index] or index!r}",
        expected="a tensor of real numbers with at least one element, for the loss",
        found=_described(output),
        hint="Name another with --output, or compile for --phases infer.",
    )


def _has_gradient(output: Tensor) -> bool:
    return output.is_floating_point() or output.is_complex()


def _described(output: object) -> str:
    if not isinstance(output, Tensor):
        return f"a constant ({type(output).__name__})"
    return f"{str(output.dtype).removeprefix('torch.')} of shape {list(output.shape)}"
