"""Recording a function of tensors as the ATen operations that it runs."""

from collections.abc import Callable, Sequence

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor
from torch.func import functionalize
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from hptc.errors import HptcError, ModelError
from hptc.frontend.decompose import decompositions
from hptc.frontend.random import Draws
from hptc.frontend.torch import first_line, quiet
from hptc.ir.graph import Phase


def trace(
    step: Callable[..., object],
    tensors: Sequence[Tensor],
    phase: Phase,
    draws: Draws | None = None,
) -> GraphModule:
    """Record a function as pure ATen operations, none of which is peculiar to a CPU library.

    Args:
        step: The function; it is called on fake tensors.
        tensors: What to call it on.
        phase: Named in errors.
        draws: Where its random numbers come from, if it may draw any.

    Raises:
        ModelError: torch cannot run it.
    """
    module = _recorded(step, tensors, phase, draws)
    if any(_writes_in_place(node) for node in module.graph.nodes):
        # Some backward formulas and recurrent cells write into tensors of their own.
        module = _recorded(functionalize(Interpreter(module).run), tensors, phase, None)
    return module


def _recorded(
    step: Callable[..., object], tensors: Sequence[Tensor], phase: Phase, draws: Draws | None
) -> GraphModule:
    tracer = make_fx(
        step,
        decomposition_table=decompositions(draws),
        tracing_mode="fake",
        _allow_non_fake_inputs=True,
    )
    try:
        with (
            quiet(),
            fx_traceback.preserve_node_meta(),
            sdpa_kernel(SDPBackend.MATH),
            torch.backends.mkldnn.flags(enabled=False),
        ):
            return tracer(*tensors)
    except HptcError:
        raise
    except Exception as error:  # torch raises many unrelated types
        raise ModelError(
            f"training step of the phase {phase.value}",
            expected="a forward and a backward pass that torch can trace",
            found=f"{type(error).__name__}: {first_line(error)}",
            hint="Check that loss and target suit the output, and that the model runs in eager "
            "torch, backward pass included.",
        ) from error


def _writes_in_place(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable
