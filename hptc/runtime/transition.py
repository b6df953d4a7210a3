"""State that crosses from one phase to the next: merges, copies, fresh parameters, zeroed moments.

State is a mapping from value names to tensors on the host: everything a graph reads that is neither
computed nor handed over at every step.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from hptc.custom_ops.arrays import to_tensor
from hptc.errors import UsageError
from hptc.ir.graph import STEP_INPUTS, Graph, Phase, Value, ValueKind
from hptc.runtime.evaluate import evaluate_updates
from hptc.runtime.initialise import new_parameters
from hptc.runtime.tensors import TORCH_DTYPES, fitted, pick
from hptc.schedule.model import Bundle, Transition

State = dict[str, Tensor]

_NO_STATE = STEP_INPUTS | {ValueKind.COMPUTED}


def initial_state(bundle: Bundle, phase: Phase) -> State:
    """Return the state that enters `phase` when nothing was trained before.

    Where the bundle holds a transition from `full`, and `phase` reads what the weights do not have
    (an adapter), the weights take that way in.

    Args:
        bundle: The compiled program.
        phase: One of its phases.

    Raises:
        UsageError: The bundle lacks the phase.
        BundleError: It lacks a value that the phase reads, or holds one of another shape.
    """
    graph = graph_of(bundle, phase)
    weights = {name: to_tensor(array) for name, array in bundle.weights.items()}
    transition = find_transition(bundle, Phase.FULL, phase)
    if transition is None or all(value.name in weights for value in held_values(graph)):
        return _entered(graph, weights, {})
    return apply_transition(transition, graph, weights, weights)


def carry_state(bundle: Bundle, src: Phase, dst: Phase, state: State, draw: int = 0) -> State:
    """Return the state that enters `dst` after training in `src`.

    Without a transition in the bundle, values keep their names.

    Args:
        bundle: The compiled program.
        src: Phase that was left with `state`.
        dst: Phase to enter.
        state: What `src` left.
        draw: Which drawing of fresh parameters this is, from 0.
    """
    weights = {name: to_tensor(array) for name, array in bundle.weights.items()}
    transition = find_transition(bundle, src, dst)
    if transition is None:
        transition = Transition(src, dst, copies={name: name for name in state})
    return apply_transition(transition, graph_of(bundle, dst), state, weights, draw)


def apply_transition(
    transition: Transition,
    graph_dst: Graph,
    state_src: Mapping[str, Tensor],
    constants: Mapping[str, Tensor],
    draw: int = 0,
) -> State:
    """Return the state of `graph_dst` that follows from the state of the phase left.

    Merges come first, then copies and fresh parameters. What is left keeps its name, or comes from
    `constants`; optimizer state starts at zero.

    Args:
        transition: What to merge, copy and draw.
        graph_dst: Graph of the phase to enter.
        state_src: State of the phase left; not modified.
        constants: Values that no phase trains, by name.
        draw: Which drawing of fresh parameters this is, from 0.

    Raises:
        BundleError: A name or a shape does not fit.
        UsageError: The fresh parameters do not fit into memory.
    """
    merged = merge_state(transition, state_src)
    given = {
        dst: pick(merged, src, f"copy of {src!r} to {dst!r}")
        for dst, src in transition.copies.items()
    }
    held = {**constants, **merged}
    given |= new_parameters(transition.initialise, {**held, **given}, draw)
    return _entered(graph_dst, given, held)


def merge_state(transition: Transition, state: Mapping[str, Tensor]) -> State:
    """Return `state` with the adapters of the phase left folded in; their parts stay."""
    if transition.merge is None:
        return dict(state)
    where = f"merge on leaving phase {transition.src.value}"
    return {**state, **evaluate_updates(transition.merge, state, where)}


def find_transition(bundle: Bundle, src: Phase, dst: Phase) -> Transition | None:
    """Return the bundle's transition from `src` to `dst`, if it has one."""
    for transition in bundle.transitions:
        if (transition.src, transition.dst) == (src, dst):
            return transition
    return None


def leaving(bundle: Bundle, phase: Phase) -> Transition:
    """Return how `phase` folds its adapters in, the same whatever comes next."""
    out = (item for item in bundle.transitions if item.src is phase and item.adapters)
    return next(out, Transition(phase, phase, {}))


def graph_of(bundle: Bundle, phase: Phase) -> Graph:
    """Return the graph of a phase; raises UsageError if it was not compiled."""
    if phase not in bundle.phases:
        have = ", ".join(p.value for p in bundle.phases)
        raise UsageError(
            f"bundle {bundle.name}",
            expected=f"the phase {phase.value}",
            found=f"only {have}",
            hint=f"Compile with --phases {have.replace(' ', '')},{phase.value}.",
        )
    return bundle.phases[phase].graph


def held_values(graph: Graph) -> tuple[Value, ...]:
    """Return what a phase must be given before its first step, optimizer state aside."""
    outside = _NO_STATE | {ValueKind.STATE}
    return tuple(value for value in graph.values if value.kind not in outside)


def _entered(graph: Graph, given: Mapping[str, Tensor], constants: Mapping[str, Tensor]) -> State:
    state: State = {}
    for value in graph.values:
        if value.kind in _NO_STATE:
            continue
        if value.kind is ValueKind.STATE and value.name not in given:
            state[value.name] = torch.zeros(value.shape, dtype=TORCH_DTYPES[value.dtype])
            continue
        source = given if value.name in given else constants
        state[value.name] = fitted(value, source, f"entry to phase {graph.phase.value}")
    return state
