# ruff: noqa: E501 - graph text has one line per operation, however long
"""Small graphs whose costs are worked out by hand in the tests."""

from cost_models.work import TaskWork, count_work
from hptc.cost import CostTable
from hptc.ir.graph import Graph
from hptc.ir.tasks import tasks_of
from hptc.ir.text import from_text


def layer(tokens: int = 4, inputs: int = 6, outputs: int = 5) -> Graph:
    """A frozen linear layer, element-wise work, its gradient, an adapter and a moment's update."""
    s, k, n = tokens, inputs, outputs
    return from_text(f"""graph low {{
  param %w : float32[{n},{k}] static
  param %a : float32[{k},{n}] trainable
  batch %x : float32[{s},{k}] transient
  batch %dy : float32[{s},{n}] transient
  state %m : float32[{k},{n}] trainable
  %t : float32[{k},{n}] static = aten.t.default(%w) {{forward, static, task="h"}}
  %h : float32[{s},{n}] transient = aten.mm.default(%x, %t) {{forward, static, task="h"}}
  %r : float32[{s},{n}] transient = aten.relu.default(%h) {{forward, dynamic, task="r"}}
  %s : float32[{s},{n}] transient = aten.add.Tensor(%r, %dy) {{forward, dynamic, task="r"}}
  %z : float32[{s},{n}] transient = aten._softmax.default(%s, 1, false) {{forward, dynamic, task="z"}}
  %dx : float32[{s},{k}] transient = aten.mm.default(%z, %w) {{input-gradient, static, task="dx"}}
  %l : float32[{s},{n}] transient = aten.mm.default(%x, %a) {{forward, trainable, task="l"}}
  %n1 : float32[{k},{n}] trainable = aten.mul.Tensor(%m, 0.9) {{optimizer, trainable, task="o"}}
  %n2 : float32[{k},{n}] trainable = aten.add.Tensor(%n1, %a) {{optimizer, trainable, task="o"}}
  update %m <- %n2
  output "dx" = %dx
  output "l" = %l
}}
""")


def every_family(rows: int = 8) -> Graph:
    """One task of each family that computes or moves data, and a view."""
    s = rows
    return from_text(f"""graph full {{
  param %w : float32[6,5] trainable
  batch %x : float32[{s},6] transient
  batch %i : int64[{s}] transient
  %contraction : float32[{s},5] transient = aten.mm.default(%x, %w) {{forward, trainable, task="contraction"}}
  %elementwise : float32[{s},6] transient = aten.tanh.default(%x) {{forward, dynamic, task="elementwise"}}
  %reduction : float32[6] transient = aten.sum.dim_IntList(%x, [0]) {{forward, dynamic, task="reduction"}}
  %softmax : float32[{s},6] transient = aten._softmax.default(%x, 1, false) {{forward, dynamic, task="softmax"}}
  %norm : float32[{s},6] transient, %mean : float32[{s},1] transient, %rstd : float32[{s},1] transient = aten.native_layer_norm.default(%x, [6], none, none, 1e-05) {{forward, dynamic, task="norm"}}
  %gather : float32[{s},6] transient = aten.index_select.default(%x, 0, %i) {{forward, dynamic, task="gather"}}
  %scatter : float32[{s},6] transient = aten.index_add.default(%x, 0, %i, %gather) {{forward, dynamic, task="scatter"}}
  %copy : float32[{s},6] transient = aten.clone.default(%x) {{forward, dynamic, task="copy"}}
  %create : float32[{s},6] constant = aten.full.default([{s}, 6], 1.0) {{forward, dynamic, task="create"}}
  %view : float32[6,{s}] transient = aten.t.default(%x) {{forward, dynamic, task="view"}}
  output "output" = %copy
}}
""")


def work_of(graph: Graph) -> dict[str, TaskWork]:
    """The counted tasks, by name."""
    return {task.name: task for task in count_work(graph, tasks_of(graph))}


def latency_ns(table: CostTable, device: str, task: str) -> float:
    """The latency of a task that the device can run."""
    cost = table.device(device).tasks[task]
    assert cost is not None
    return cost.latency_ns
