"""hptc as a pass of torch.fx: every call node learns its tag and its device."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch.fx.traceback as fx_traceback
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.passes.infra.pass_base import PassBase, PassResult

from hptc.compiler import compile_source
from hptc.errors import UsageError
from hptc.frontend.provenance import SOURCE
from hptc.ir.graph import Graph, Op, OperandTag, Phase, Role
from hptc.ir.ops import macs
from hptc.options import make_options
from hptc.program import Program
from hptc.schedule.model import CompiledPhase, InstructionKind

FOLDED = "folded"
"""In place of a device: computed once, when the phase is entered."""
KEYS = ("hptc_tag", "hptc_device", "hptc_roles", "hptc_busy_ns")
_CALLS = frozenset({"call_function", "call_method", "call_module"})
_TAGS = (OperandTag.STATIC, OperandTag.TRAINABLE, OperandTag.DYNAMIC, OperandTag.FOLDED)


class PartitionPass(PassBase):
    """Compile a GraphModule for one phase and write the placement into its nodes.

    The graph stays as it is; each call node gets in its `meta`:

    - `hptc_tag`: operand tag of its forward operations, the one with most MACs (`None` where the
      node leaves no operation of its own, as an inactive dropout does);
    - `hptc_device`: the device that runs most of them (by MACs, then by number), `folded` where
      they are computed once at phase entry; a node without operations is where its operands are,
      else where it is read;
    - `hptc_roles`: for `forward`, `input-gradient` and `weight-gradient`, what the training step
      does on the node's behalf: `{"ops": ..., "macs": ..., "devices": {name: ops}}`;
    - `hptc_busy_ns`: modelled device time of all that; operations that run as one task share its
      time in equal parts.

    Args:
        example_inputs: Tensors with the shapes to compile for.
        target: Built-in target, or a `.toml` file.
        phase: `full`, `low` or `infer`.
        options: Further arguments of `hptc.options.make_options`, e.g. `adapt`, `time_limit_s`.

    Raises:
        UsageError: An option cannot be honoured.

    Example:
        >>> import torch
        >>> from torch.fx.passes.infra.pass_manager import PassManager
        >>> net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU())
        >>> place = PartitionPass((torch.zeros(4, 8),), phase="low", adapt="lora:r=2")
        >>> placed = PassManager([place])(torch.fx.symbolic_trace(net)).graph_module
        >>> [node.meta["hptc_tag"] for node in placed.graph.nodes if "hptc_tag" in node.meta]
        ['static', 'dynamic']
    """

    def __init__(
        self,
        example_inputs: Sequence[Tensor],
        *,
        target: str = "hybrid",
        phase: str | Phase = "low",
        **options: Any,
    ) -> None:
        if "phases" in options:
            raise UsageError("PartitionPass", expected="one phase=...", found="phases=...")
        self._inputs = example_inputs
        self._options = make_options(target=target, phases=(phase,), **options)
        self.program: Program | None = None
        """What the last call compiled."""

    def call(self, graph_module: GraphModule) -> PassResult:
        """Annotate the nodes; `modified` tells whether any annotation is new.

        Raises ModelError, TargetError, InfeasibleError or TimeLimitError.
        """
        self.program = compile_source(_Named(graph_module), self._inputs, self._options)
        (compiled,) = self.program.bundle.phases.values()
        shares = _shares(compiled)
        nodes = [node for node in graph_module.graph.nodes if node.op in _CALLS]
        found = {node: _annotation(shares.get(node.name, _Share())) for node in nodes}
        _place_rest(found)
        modified = False
        for node, facts in found.items():
            modified |= any(node.meta.get(key, _ABSENT) != facts[key] for key in KEYS)
            node.meta.update(facts)
        return PassResult(graph_module, modified)


_ABSENT = object()


class _Named(nn.Module):
    """A GraphModule whose operations carry the names of their nodes; parameters keep theirs."""

    def __init__(self, inner: GraphModule) -> None:
        super().__init__()
        self._parameters = inner._parameters
        self._buffers = inner._buffers
        self._modules = inner._modules
        self._non_persistent_buffers_set = inner._non_persistent_buffers_set
        self.training = inner.training
        self._naming = _NamingInterpreter(inner)

    def forward(self, *inputs: Tensor) -> object:
        return self._naming.run(*inputs)


class _NamingInterpreter(Interpreter):
    """Annotates each call with the name of its node, over what the node's own meta says."""

    _name = ""

    def run_node(self, n: Node) -> object:
        self._name = n.name
        return super().run_node(n)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        with fx_traceback.annotate({SOURCE: self._name}):
            return super().call_function(target, args, kwargs)

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        with fx_traceback.annotate({SOURCE: self._name}):
            return super().call_method(target, args, kwargs)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        with fx_traceback.annotate({SOURCE: self._name}):
            return super().call_module(target, args, kwargs)


@dataclass
class _Share:
    """The part of a step that one node is the source of."""

    ops: list[tuple[Op, int]] = field(default_factory=list)
    """Each with its MACs."""
    devices: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Operation to the devices that run it."""
    busy_ns: float = 0.0


def _shares(compiled: CompiledPhase) -> Mapping[str, _Share]:
    graph: Graph = compiled.graph
    found: dict[str, _Share] = defaultdict(_Share)
    for op in graph.ops:
        found[op.source].ops.append((op, macs(graph, op)))
    for instruction in (*compiled.schedule.prologue, *compiled.schedule.step):
        if instruction.kind is InstructionKind.FOLD:
            for name in instruction.ops:
                found[graph.op_by_name[name].source].devices[name][FOLDED] += 1
        elif instruction.kind is InstructionKind.EXEC:
            part_ns = (instruction.end_ns - instruction.start_ns) / len(instruction.ops)
            for name in instruction.ops:
                share = found[graph.op_by_name[name].source]
                share.devices[name][instruction.device] += 1
                share.busy_ns += part_ns
    return found


def _annotation(share: _Share) -> dict[str, object]:
    forward = [(op, work) for op, work in share.ops if op.role is Role.FORWARD]
    tags: Counter[OperandTag] = Counter()
    devices: Counter[str] = Counter()
    for op, work in forward:
        weight = (work << 32) + 1  # MACs first, then the number of operations
        if op.tag is not None:
            tags[op.tag] += weight
        for device in share.devices[op.name]:
            devices[device] += weight
    return {
        "hptc_tag": max(_TAGS, key=tags.__getitem__).value if tags else None,
        "hptc_device": max(sorted(devices), key=devices.__getitem__) if devices else None,
        "hptc_roles": _roles(share),
        "hptc_busy_ns": share.busy_ns,
    }


def _roles(share: _Share) -> dict[str, dict[str, object]]:
    found = {}
    for role in Role:
        ops = [(op, work) for op, work in share.ops if op.role is role]
        if ops:
            devices: Counter[str] = Counter()
            for op, _ in ops:
                devices.update(share.devices[op.name].keys())
            total = sum(work for _, work in ops)
            found[role.value] = {"ops": len(ops), "macs": total, "devices": dict(devices)}
    return found


def _place_rest(found: Mapping[Node, dict[str, object]]) -> None:
    """Place nodes without operations: with their operands, else with their readers."""
    for node, facts in found.items():
        facts["hptc_device"] = facts["hptc_device"] or _first(found, node.all_input_nodes)
    for node, facts in reversed(list(found.items())):
        facts["hptc_device"] = facts["hptc_device"] or _first(found, list(node.users)) or FOLDED


def _first(found: Mapping[Node, dict[str, object]], nodes: Sequence[Node]) -> object:
    devices = (found[node]["hptc_device"] for node in nodes if node in found)
    return next((device for device in devices if device is not None), None)
