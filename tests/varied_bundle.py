"""A bundle with something in every field, to save and to damage."""

import ml_dtypes
import numpy as np

from hptc.ir.adapter import Adapter, Part, Scheme, Start
from hptc.ir.dtypes import DType
from hptc.ir.graph import Phase
from hptc.schedule.model import Bundle, CompiledPhase, Initialise, Reference, Transition
from tests import schedule_examples as ex

PART = Part("a", (3, 2), DType.BFLOAT16, Start(Scheme.LEFT_BASIS, weight="w"), is_trained=True)


def bundle() -> Bundle:
    """A program of one phase, with something in every field."""
    schedule = ex.scheduled(ex.HYBRID)
    return Bundle(
        name="tiny",
        options={"seed": 0, "phases": ["low"], "gap": None},
        phases={Phase.LOW: CompiledPhase(ex.STEP, schedule, 'name = "three"\n')},
        transitions=(
            Transition(
                Phase.FULL,
                Phase.LOW,
                {"w0": "w"},
                (Initialise("a", (3, 2), Start(Scheme.KAIMING_UNIFORM), 7),),
                (Adapter("lora", "w", 3, 2, 1, 0.5, transposed=True, parts=(PART,)),),
                ex.STEP,
            ),
        ),
        weights={
            "w0": np.arange(6, dtype=np.float32).reshape(3, 2).T,  # not C-contiguous
            "b": np.zeros(2, ">f4"),
            "scalar": np.asarray(2.5),
            "empty": np.zeros((0, 3), np.int64),
            "bf16": np.arange(3).astype(ml_dtypes.bfloat16),
            "mask": np.array([True, False]),
        },
        report={"schema_version": 1, "gap": 0.25, "phases": {"low": {"ops": 11}}},
        reference=Reference("onnx", b"\x08\x07"),
        versions={"torch": "2.13.0", "hptc": "0"},
    )
