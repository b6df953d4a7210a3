"""A whole training in numbers: its stages, each a step done many times, and the switches between.

At the entry of a stage the matrices it reads are programmed, except those that the stage before
leaves in the same crossbars; and a state that lies elsewhere is moved to where it is needed.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hptc.partition.problem import Mode, Problem

Choice = Sequence[Mode]
"""The mode of each task of a stage, then of those that run again."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What something that is done once takes."""

    time_ns: int = 0
    energy_pj: float = 0.0


NOTHING = Charge()


@dataclass(frozen=True, slots=True)
class Stage:
    """A phase of a training: one problem, whose answer is carried out `steps` times."""

    problem: Problem
    steps: int
    programming: tuple[Charge, ...]
    """Of each matrix of the problem, alone on its device; nothing if its steps write it."""
    write_power_pj_per_ns: tuple[float | None, ...]
    """Most that each device draws while its matrices are programmed; None: no limit."""
    kept: Mapping[int, frozenset[int]]
    """Matrix to those of the stage before that leave its content in its crossbars."""


@dataclass(frozen=True, slots=True)
class State:
    """The content that one stage gives a state, until another stage gives it a new one."""

    stage: int
    task: int
    """Whose device is the home of the state in that stage."""
    readers: tuple[tuple[int, tuple[int, ...]], ...]
    """Later stages in order, each with the tasks on whose devices it has to lie there."""
    moves: Mapping[tuple[int, int], Charge]
    """By source and destination. A pair left out: it is loaded like before the first stage."""


@dataclass(frozen=True, slots=True)
class Training:
    """Stages in order, and the states that cross between them."""

    stages: tuple[Stage, ...]
    states: tuple[State, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A state that is moved at the entry of a stage."""

    state: int
    src: int
    dst: int
    charge: Charge


@dataclass(frozen=True, slots=True)
class Switch:
    """What entering a stage takes."""

    programmed: tuple[int, ...]
    """Matrices of the stage that take anything to program, in order."""
    kept: tuple[int, ...]
    """Those that are used, and still there."""
    moves: tuple[Move, ...]
    programming: Charge
    moving: Charge
    power_pj_per_ns: Fraction
    """Static, of the devices that the stage uses: they are powered meanwhile."""

    @property
    def time_ns(self) -> int:
        """States are moved one after the other, then matrices programmed."""
        return self.programming.time_ns + self.moving.time_ns

    @property
    def energy_pj(self) -> Fraction:
        """Exactly."""
        done = Fraction(self.programming.energy_pj) + Fraction(self.moving.energy_pj)
        return done + self.static_pj

    @property
    def static_pj(self) -> Fraction:
        """What the powered devices take meanwhile, exactly."""
        return self.power_pj_per_ns * self.time_ns


def used_matrices(choice: Choice) -> frozenset[int]:
    """Return the matrices that the modes read."""
    return frozenset(mode.matrix for mode in choice if mode.matrix is not None)


def switches(training: Training, choices: Sequence[Choice]) -> tuple[Switch, ...]:
    """Return what entering each stage takes, given the modes of all tasks of all stages."""
    moved: list[list[Move]] = [[] for _ in training.stages]
    for number, state in enumerate(training.states):
        home = choices[state.stage][state.task].device
        for position, move in moves_of(training, number, choices, home):
            moved[position].append(move)
    found, before = [], frozenset[int]()
    for stage, choice, moves in zip(training.stages, choices, moved, strict=True):
        used = used_matrices(choice)
        kept = {matrix for matrix in used if stage.kept.get(matrix, frozenset()) & before}
        new = sorted(m for m in used - kept if stage.programming[m] != NOTHING)
        found.append(
            Switch(
                tuple(new),
                tuple(sorted(kept)),
                tuple(moves),
                programming_of(stage, new),
                total(move.charge for move in moves),
                power_of(stage, {mode.device for mode in choice}),
            )
        )
        before = used
    return tuple(found)


def power_of(stage: Stage, devices: Iterable[int]) -> Fraction:
    """Return the static power of devices in pJ per ns, exactly."""
    powers = (stage.problem.devices[device].static_power_pj_per_ns for device in devices)
    return sum(map(Fraction, powers), Fraction(0))


def moves_of(
    training: Training, position: int, choices: Sequence[Choice], home: int
) -> Iterator[tuple[int, Move]]:
    """Yield the moves of a state from its home, each with the stage at whose entry it is made.

    Where it was moved to it stays, too; it is moved from where that takes least time.
    """
    state = training.states[position]
    places = {home}
    for stage, readers in state.readers:
        wanted = {choices[stage][task].device for task in readers}
        for device in sorted(wanted - places):
            move = cheapest_move(state, position, places, device)
            if move is not None:
                yield stage, move
        places |= wanted


def cheapest_move(state: State, position: int, places: Iterable[int], device: int) -> Move | None:
    """Return the fastest way of a state to a device, None where it is loaded instead."""
    ways = [
        Move(position, place, device, state.moves[place, device])
        for place in places
        if (place, device) in state.moves
    ]
    return min(ways, key=lambda m: (m.charge.time_ns, m.charge.energy_pj, m.src), default=None)


def programming_of(stage: Stage, matrices: Iterable[int]) -> Charge:
    """Return what programming matrices takes: all at once, as far as the power of a device goes."""
    charges: dict[int, list[Charge]] = {}
    for matrix in matrices:
        device = stage.problem.matrices[matrix].device
        charges.setdefault(device, []).append(stage.programming[matrix])
    return Charge(
        max((at_once_ns(c, stage.write_power_pj_per_ns[d]) for d, c in charges.items()), default=0),
        sum(charge.energy_pj for each in charges.values() for charge in each),
    )


def at_once_ns(charges: Sequence[Charge], most_pj_per_ns: float | None) -> int:
    """Return the time of several pieces of work done at once under a power."""
    slowest = max((charge.time_ns for charge in charges), default=0)
    if most_pj_per_ns is None:
        return slowest
    energy_pj = Fraction(total(charges).energy_pj)
    return max(slowest, math.ceil(energy_pj / Fraction(most_pj_per_ns)))


def total(charges: Iterable[Charge]) -> Charge:
    """Return what several pieces of work take one after the other."""
    done = list(charges)
    return Charge(sum(c.time_ns for c in done), sum(c.energy_pj for c in done))
