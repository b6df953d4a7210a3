"""Running an exported program while a step is traced, with the origin of each operation."""

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from hptc.frontend import lowrank
from hptc.frontend.evaluation import in_evaluation
from hptc.frontend.provenance import SOURCE, STAGE


class Origins:
    """Passes the source of each operation on to what autograd does backward."""

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def mark(self, result: object, source: str) -> None:
        """Mark what autograd recorded of an operation since the last mark."""
        for leaf in torch.utils._pytree.tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.grad_fn is not None:
                self._mark(leaf.grad_fn, source)

    def _mark(self, root: torch.autograd.graph.Node, source: str) -> None:
        stack = [root]
        while stack:
            function = stack.pop()
            if function is None or function in self._seen:
                continue
            self._seen.add(function)
            function.register_prehook(_annotator(source))
            stack.extend(parent for parent, _ in function.next_functions if parent is not None)


class OriginInterpreter(Interpreter):
    """Runs an exported program; backward operations inherit the source of their forward.

    What stands in no module but the model itself is named after its node.
    """

    def __init__(self, module: GraphModule, evaluating: bool, origins: Origins) -> None:
        super().__init__(module)
        self._evaluating = evaluating
        self._origins = origins
        self._source = ""

    def call_function(self, target, args, kwargs):  # type: ignore[no-untyped-def]
        """Call an operation on tensors and `LowRankWeight`s."""
        if self._evaluating:
            args, kwargs = in_evaluation(target, args, kwargs)
        with fx_traceback.annotate({SOURCE: self._source}):
            return lowrank.call(target, args, kwargs)

    def run_node(self, n: Node) -> object:
        """Run a node and mark what autograd recorded of it."""
        self._source = node_source(n) or n.name
        result = super().run_node(n)
        self._origins.mark(result, self._source)
        return result


def _annotator(source: str):  # type: ignore[no-untyped-def]
    def annotate(gradients: object) -> None:
        del gradients
        fx_traceback.current_meta["custom"] = {STAGE: "backward", SOURCE: source}

    return annotate


def node_source(node: Node) -> str:
    """Return the provenance of an exported node: annotation, else module path."""
    custom = node.meta.get("custom") or {}
    if SOURCE in custom:
        return str(custom[SOURCE])
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]) if stack else ""
