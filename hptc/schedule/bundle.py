"""A compiled program on disk: `NAME.hptc`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from hptc.errors import BundleError, VerifyError
from hptc.ir.graph import Phase
from hptc.ir.verify import verify
from hptc.schedule import codec
from hptc.schedule.archive import read_archive, write_archive
from hptc.schedule.check import check_schedule
from hptc.schedule.model import Bundle, CompiledPhase, Reference, Transition

_TRANSITIONS = "transitions.json"
_WEIGHTS = "weights.safetensors"
_REPORT = "report.json"
_REFERENCES = {"onnx": "reference/model.onnx", "pt2": "reference/model.pt2"}
_LOSS = "reference/loss.pt2"
_REFERENCE_FILES = "reference/data/"
"""Of what the model keeps in files beside it."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What the manifest says of the program itself."""

    name: str
    phases: tuple[Phase, ...]
    reference: str | None
    loss: str | None
    """Format of a loss of the user's own: `pt2`."""
    versions: Mapping[str, str]
    options: Mapping[str, object]


_HEADER = TypeAdapter(_Header)


def save_bundle(bundle: Bundle, path: Path, *, force: bool) -> None:
    """Write a compiled program atomically; the same program gives the same bytes.

    Args:
        bundle: The program.
        path: The file to write.
        force: Replace an existing file.

    Raises:
        UsageError: The file exists and `force` is false, or it cannot be written.
        VerifyError: Options or report hold something that is no JSON value.
    """
    header = _Header(
        bundle.name,
        tuple(bundle.phases),
        bundle.reference.format if bundle.reference else None,
        "pt2" if bundle.loss is not None else None,
        dict(sorted(bundle.versions.items())),
        bundle.options,
    )
    codec.object_to_json("options of the bundle", bundle.options)
    write_archive(path, _HEADER.dump_python(header, mode="json"), _entries(bundle), force=force)


def load_bundle(path: Path) -> Bundle:
    """Read a compiled program, checking hashes, schema and soundness before anything is used.

    Raises:
        BundleError: The file is missing, damaged, unsafe, of a newer schema, or its graphs and
            schedules do not hold together.
    """
    manifest, entries = read_archive(path)
    fields = {name: manifest.get(name) for name in _Header.__dataclass_fields__}
    header = codec.from_json(
        _HEADER, f"{path}, manifest.json", codec.object_to_json("manifest", fields)
    )
    _check_entries(path, header, entries)
    return Bundle(
        name=header.name,
        options=header.options,
        phases={phase: _phase(path, phase, entries) for phase in header.phases},
        transitions=_transitions(path, entries[_TRANSITIONS]),
        weights=codec.weights_from_bytes(f"{path}, {_WEIGHTS}", entries[_WEIGHTS]),
        report=codec.object_from_json(f"{path}, {_REPORT}", entries[_REPORT]),
        reference=_reference(header.reference, entries),
        loss=entries[_LOSS] if header.loss else None,
        versions=header.versions,
    )


def _reference(form: str | None, entries: Mapping[str, bytes]) -> Reference | None:
    if form is None:
        return None
    files = {
        name.removeprefix(_REFERENCE_FILES): data
        for name, data in entries.items()
        if name.startswith(_REFERENCE_FILES)
    }
    return Reference(form, entries[_REFERENCES[form]], files)


def _entries(bundle: Bundle) -> dict[str, bytes | memoryview]:
    entries: dict[str, bytes | memoryview] = {
        _TRANSITIONS: codec.to_json(codec.TRANSITIONS, bundle.transitions),
        _WEIGHTS: codec.weights_to_bytes(bundle.weights),
        _REPORT: codec.object_to_json("report of the bundle", bundle.report),
    }
    for phase, compiled in bundle.phases.items():
        graph, schedule, target = _phase_entries(phase)
        entries[graph] = codec.to_json(codec.GRAPH, (compiled.graph,))
        entries[schedule] = codec.to_json(codec.SCHEDULE, (compiled.schedule,))
        entries[target] = compiled.target_toml.encode()
    if bundle.reference:
        entries[_REFERENCES[bundle.reference.format]] = bundle.reference.data
        files = bundle.reference.files.items()
        entries.update({f"{_REFERENCE_FILES}{location}": data for location, data in files})
    if bundle.loss is not None:
        entries[_LOSS] = bundle.loss
    return entries


def _phase_entries(phase: Phase) -> tuple[str, str, str]:
    folder = f"phases/{phase.value}"
    return f"{folder}/graph.json", f"{folder}/schedule.json", f"{folder}/target.toml"


def _check_entries(path: Path, header: _Header, entries: Mapping[str, bytes]) -> None:
    if header.reference is not None and header.reference not in _REFERENCES:
        raise BundleError(
            f"{path}, manifest.json", expected="a reference onnx or pt2", found=header.reference
        )
    expected = {_TRANSITIONS, _WEIGHTS, _REPORT}
    expected.update(name for phase in header.phases for name in _phase_entries(phase))
    if header.loss:
        expected.add(_LOSS)
    if header.reference:
        expected.add(_REFERENCES[header.reference])
        expected.update(name for name in entries if name.startswith(_REFERENCE_FILES))
    for name in sorted(expected ^ set(entries)):
        found = "none" if name in expected else "an entry no phase asks for"
        wanted = f"an entry {name}" if name in expected else f"no entry {name}"
        raise BundleError(str(path), expected=wanted, found=found)


def _transitions(path: Path, entry: bytes) -> tuple[Transition, ...]:
    where = f"{path}, {_TRANSITIONS}"
    found = codec.from_json(codec.TRANSITIONS, where, entry)
    try:
        for transition in found:
            if transition.merge is not None:
                verify(transition.merge)
    except (VerifyError, LookupError, ValueError) as err:
        raise BundleError(where, expected="sound merges", found=str(err)) from err
    return found


def _phase(path: Path, phase: Phase, entries: Mapping[str, bytes]) -> CompiledPhase:
    graph_name, schedule_name, target_name = _phase_entries(phase)
    (graph,) = codec.from_json(codec.GRAPH, f"{path}, {graph_name}", entries[graph_name])
    (schedule,) = codec.from_json(
        codec.SCHEDULE, f"{path}, {schedule_name}", entries[schedule_name]
    )
    if graph.phase is not phase or schedule.phase is not phase:
        found = f"graph {graph.phase.value}, schedule {schedule.phase.value}"
        raise BundleError(f"{path}, phase {phase.value}", expected="its own phase", found=found)
    try:
        verify(graph)
        check_schedule(graph, schedule)
        target = entries[target_name].decode()
    except (VerifyError, LookupError, ValueError) as err:
        raise BundleError(
            f"{path}, phase {phase.value}", expected="a sound program", found=str(err)
        ) from err
    return CompiledPhase(graph, schedule, target)
