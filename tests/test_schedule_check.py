"""The replay finds every way in which a schedule can lie."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hptc.errors import VerifyError
from hptc.schedule.check import check_schedule
from hptc.schedule.model import Instruction, InstructionKind, Schedule
from tests import schedule_examples as ex

Change = Callable[[Instruction], Instruction | None]


def changed(change: Change) -> Schedule:
    """The hybrid schedule with every instruction put through `change`; None removes it."""
    good = ex.scheduled(ex.HYBRID)
    sections = (good.prologue, good.step, good.epilogue)
    prologue, step, epilogue = (
        tuple(new for old in section if (new := change(old)) is not None) for section in sections
    )
    return replace(good, prologue=prologue, step=step, epilogue=epilogue)


def without(label: str) -> Schedule:
    return changed(lambda i: None if i.label.startswith(label) else i)


def refused(schedule: Schedule, match: str) -> None:
    with pytest.raises(VerifyError, match=match):
        check_schedule(ex.STEP, schedule)


@pytest.mark.parametrize(
    ("label", "match"),
    [
        ("LOAD w0", "FOLD w0_t .* expected w0 on xbar"),
        ("FOLD", "EXEC linear .* expected w0_t on xbar at 4 ns, found it absent there"),
        ("PROGRAM", "EXEC linear .* expected a PROGRAM of xbar/w0"),
        ("LOAD b", "TRANSFER b .* expected b on gpu at 0 ns"),
        ("TRANSFER g_b", "EXEC optimizer .* expected g_b on gpu"),
        ("FREE d (sys", "end of the step on sys: expected a FREE of d"),
        ("EXEC optimizer", "operation b_new: expected one EXEC a step, found 0"),
        ("EXEC loss", "operation d: expected one EXEC a step, found 0"),
        ("READ_BACK m", "epilogue, state m: expected 1 READ_BACK, found 0"),
    ],
)
def test_a_missing_instruction_is_found(label: str, match: str) -> None:
    refused(without(label), match)


def moved(label: str, start_ns: int, end_ns: int) -> Change:
    def change(i: Instruction) -> Instruction:
        return replace(i, start_ns=start_ns, end_ns=end_ns) if i.label.startswith(label) else i

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (moved("EXEC loss", 15, 27), "expected h on gpu at 15 ns, found it there only from 16"),
        (moved("TRANSFER d", 20, 34), "expected a start at or after 27 ns|expected d on gpu"),
        (moved("EXEC linear", 4, 3), "an end at or after its start"),
        (moved("FREE h", 16, 16), "expected a start at or after 27 ns"),
    ],
)
def test_a_wrong_time_is_found(change: Change, match: str) -> None:
    refused(changed(change), match)


def test_a_use_after_free_is_found() -> None:
    good = ex.scheduled(ex.HYBRID)
    early = Instruction(InstructionKind.FREE, "gpu", 16, 16, value="h")
    refused(replace(good, step=(*good.step[:4], early, *good.step[4:])), "EXEC loss .* absent")
    late = [i for i in good.step if not i.label.startswith("FREE h")]
    late.insert(5, replace(early, start_ns=20, end_ns=20))
    refused(replace(good, step=tuple(late)), "FREE h .* still in use")
    home = Instruction(InstructionKind.FREE, "gpu", 69, 69, value="b")
    refused(replace(good, step=(*good.step, home)), "FREE b .* needed in every step")


def test_a_taken_resource_is_found() -> None:
    good = ex.scheduled(dict.fromkeys(ex.HYBRID, "gpu"))
    squeezed = tuple(
        replace(i, start_ns=5) if i.label.startswith("EXEC loss") else i for i in good.step
    )
    refused(replace(good, step=squeezed), "EXEC loss .* expected gpu to be free")


def test_a_foreign_resource_is_found() -> None:
    def change(i: Instruction) -> Instruction:
        return replace(i, resource="sys") if i.task == "loss" else i

    refused(changed(change), "EXEC loss .* expected a resource of its own, found 'sys'")


def test_an_instruction_in_the_wrong_section_is_found() -> None:
    good = ex.scheduled(ex.HYBRID)
    refused(replace(good, epilogue=good.step[:1]), "TRANSFER b .* only READ_BACK in the epilogue")
    loads = tuple(replace(i, value="x") for i in good.prologue[:1])
    refused(replace(good, prologue=loads), "LOAD x .* found a value of kind batch")


def test_a_state_that_leaves_its_home_is_found() -> None:
    good = ex.scheduled(ex.HYBRID)
    stray = Instruction(InstructionKind.LOAD, "sys", 0, 0, value="m")
    refused(
        replace(good, prologue=(*good.prologue, stray)),
        "end of the step on sys: expected m_new, which m becomes",
    )
    lost = tuple(i for i in good.prologue if i.value != "m")
    refused(replace(good, prologue=lost), "EXEC optimizer .* expected m on gpu")


def test_an_unknown_operation_is_found() -> None:
    def change(i: Instruction) -> Instruction:
        return replace(i, ops=(*i.ops, "ghost")) if i.task == "loss" else i

    refused(changed(change), "operation ghost: expected none")
