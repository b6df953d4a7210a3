"""Graphs of any size, made from a seed: layered ones, and steps of training.

Three devices like ReRAM, a systolic array and a GPU, joined by links in both directions, and tasks
of five kinds that differ in where they run and how fast. `ccr` divides the bandwidth of the links.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value

DEVICES = ("reram", "systolic", "gpu")
BANDWIDTHS = {(0, 1): 16.0, (0, 2): 8.0, (1, 2): 12.0}
"""Bytes per ns between two devices, each way."""
LATENCY_NS = 500
FACTORS: dict[str, tuple[float | None, ...]] = {
    "frozen": (0.35, 0.7, 1.0),
    "trained": (None, 0.6, 0.8),
    "product": (None, 0.5, 0.7),
    "vector": (None, 0.5, 0.25),
    "pointwise": (None, None, 0.25),
    "other": (None, None, 0.2),
}
"""Time on each device over the size of the task; None where it cannot run."""
KINDS = {
    "frozen": 0.25,
    "trained": 0.15,
    "product": 0.1,
    "vector": 0.175,
    "pointwise": 0.175,
    "other": 0.15,
}
"""Shares of the kinds in layered graphs."""
SIZE = (9.2, 0.8)
"""Mean and spread of the logarithm of a task's size in ns."""
SPREAD = (0.8, 1.25)
TWO_BACK = 0.2
"""Share of the tasks of a layered graph that also read from two layers before."""
SENT = (11.0, 0.7)
"""Of the bytes on an edge of a layered graph, likewise."""
ACTIVATION = 2**18
"""Bytes between the operations of a training step."""
HEADS = 3
Edges = Sequence[tuple[int, int]]
"""Tasks that are read, and how many bytes of each."""


@dataclass(slots=True)
class _Graph:
    tasks: list[Task] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def add(self, rng: random.Random, kind: str, name: str, reads: Edges) -> int:
        """Add a task of a drawn size and return its position."""
        size = rng.lognormvariate(*SIZE)
        modes = [
            Mode(device, max(1, round(size * factor * rng.uniform(*SPREAD))))
            for device, factor in enumerate(FACTORS[kind])
            if factor is not None
        ]
        position = len(self.tasks)
        self.tasks.append(Task(name, tuple(modes)))
        self.values += [Value(source, (position,), size) for source, size in reads]
        return position

    def problem(self, ccr: float) -> Problem:
        links = tuple(
            Link(src, dst, bandwidth / ccr, LATENCY_NS)
            for (a, b), bandwidth in BANDWIDTHS.items()
            for src, dst in ((a, b), (b, a))
        )
        devices = tuple(map(Device, DEVICES))
        return Problem(devices, links, tuple(self.tasks), tuple(self.values))


def layered(count: int, *, seed: int = 0, ccr: float = 1.0) -> Problem:
    """Return `count` tasks in layers, each reading one to three of the layer before.

    A layer has about sqrt(count) / 2 tasks.
    """
    rng, graph = random.Random(seed), _Graph()
    layers: list[list[int]] = [[], []]
    while len(graph.tasks) < count:
        layers.append([])
        for _ in range(min(_width(rng, count), count - len(graph.tasks))):
            near = layers[-2] + (layers[-3] if rng.random() < TWO_BACK else [])
            sources = rng.sample(near, min(len(near), rng.randint(1, 3)))
            reads = [(source, int(rng.lognormvariate(*SENT))) for source in sources]
            kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
            layers[-1].append(graph.add(rng, kind, f"{kind} {len(graph.tasks)}", reads))
    return graph.problem(ccr)


def _width(rng: random.Random, count: int) -> int:
    mean = max(2, math.isqrt(count) // 2)
    return rng.randint(max(1, mean // 2), mean + mean // 2)


def training(count: int, *, seed: int = 0, ccr: float = 1.0) -> Problem:
    """Return a step of a model of equal attention blocks, of about `count` tasks.

    Forward and backward pass of every block, and the updates of the second half of them, whose
    matrices are trained; those of the first half are frozen.
    """
    rng, graph = random.Random(seed), _Graph()
    block_seed = rng.getrandbits(32)
    blocks = max(1, round(count / _Block.TASKS))
    x = graph.add(rng, "other", "input", [])
    made = []
    for index in range(blocks):
        is_trained = index >= blocks // 2
        block = _Block(graph, f"block{index}", is_trained, x)
        block.forward(random.Random(block_seed))
        made.append(block)
        x = block.out
    loss = graph.add(rng, "other", "loss", [(x, ACTIVATION)])
    gradient = graph.add(rng, "other", "loss gradient", [(loss, 64)])
    for block in reversed(made):
        gradient = block.backward(random.Random(block_seed + 1), gradient)
    return graph.problem(ccr)


class _Block:
    """One block: attention and a feed-forward pair, each with a norm before and a sum after."""

    TASKS = 53
    """Mean number of tasks, half of the blocks trained."""

    def __init__(self, graph: _Graph, name: str, is_trained: bool, x: int) -> None:
        self._graph, self._name, self._x = graph, name, x
        self._matrix = "trained" if is_trained else "frozen"

    def forward(self, rng: random.Random) -> None:
        """Add the forward pass."""
        full, head = ACTIVATION, ACTIVATION // HEADS
        self._norm = self._vector(rng, "norm1", [(self._x, full)])
        self._q, self._k, self._v = (
            self._add(rng, self._matrix, name, [(self._norm, full)]) for name in "qkv"
        )
        self._heads = []
        for h in range(HEADS):
            score = self._add(rng, "product", f"score{h}", [(self._q, head), (self._k, head)])
            soft = self._vector(rng, f"softmax{h}", [(score, full // 2)])
            kept = self._vector(rng, f"dropout{h}", [(soft, full // 2)])
            mixed = [(kept, full // 2), (self._v, head)]
            self._heads.append(self._add(rng, "product", f"mix{h}", mixed))
        joined = [(mixed, head) for mixed in self._heads]
        self._project = self._add(rng, self._matrix, "project", joined)
        self._middle = self._vector(rng, "sum1", [(self._project, full), (self._x, full)])
        self._norm2 = self._vector(rng, "norm2", [(self._middle, full)])
        self._up = self._add(rng, self._matrix, "up", [(self._norm2, full)])
        self._act = self._vector(rng, "gelu", [(self._up, 4 * full)])
        down = self._add(rng, self._matrix, "down", [(self._act, 4 * full)])
        self.out = self._vector(rng, "sum2", [(down, full), (self._middle, full)])

    def backward(self, rng: random.Random, gradient: int) -> int:
        """Add the backward pass, from the gradient of the output to that of the input."""
        full, head, matrix = ACTIVATION, ACTIVATION // HEADS, self._matrix
        act = self._add(rng, matrix, "d down", [(gradient, full)])
        up = self._vector(rng, "d gelu", [(act, 4 * full), (self._up, 4 * full)])
        norm2 = self._add(rng, matrix, "d up", [(up, 4 * full)])
        read = [(norm2, full), (gradient, full), (self._norm2, full)]
        middle = self._vector(rng, "d norm2", read)
        mixed = self._add(rng, matrix, "d project", [(middle, full)])
        of_heads = list(zip(*(self._d_head(rng, h, mixed) for h in range(HEADS)), strict=True))
        parts = [
            self._add(rng, matrix, f"d {name}", [(part, head) for part in of_head])
            for name, of_head in zip("vqk", of_heads, strict=True)
        ]
        if matrix == "trained":
            pairs = [(of_head[0], self._norm) for of_head in of_heads]
            pairs += [(middle, self._heads[0]), (up, self._norm2), (gradient, self._act)]
            self._update(rng, pairs)
        return self._vector(rng, "d norm1", [*((part, full) for part in parts), (middle, full)])

    def _d_head(self, rng: random.Random, head: int, mixed: int) -> tuple[int, int, int]:
        """Return the gradients of a head's values, queries and keys."""
        size, wide = ACTIVATION // HEADS, ACTIVATION // 2
        scores = self._add(rng, "product", f"d mix{head}", [(mixed, size), (self._v, size)])
        read = [(mixed, size), (self._heads[head], size)]
        v = self._add(rng, "product", f"d v{head}", read)
        soft = self._vector(rng, f"d softmax{head}", [(scores, wide)])
        q = self._add(rng, "product", f"d q{head}", [(soft, wide), (self._k, size)])
        k = self._add(rng, "product", f"d k{head}", [(soft, wide), (self._q, size)])
        return v, q, k

    def _update(self, rng: random.Random, pairs: Edges) -> None:
        """Add the gradient and the update of each matrix, of (output gradient, input)."""
        for index, pair in enumerate(pairs):
            reads = [(task, ACTIVATION) for task in pair]
            weight = self._add(rng, "product", f"d weight{index}", reads)
            self._vector(rng, f"update{index}", [(weight, 4 * ACTIVATION)])

    def _vector(self, rng: random.Random, name: str, reads: Edges) -> int:
        return self._add(rng, rng.choice(("vector", "pointwise")), name, reads)

    def _add(self, rng: random.Random, kind: str, name: str, reads: Edges) -> int:
        return self._graph.add(rng, kind, f"{self._name} {name}", reads)
