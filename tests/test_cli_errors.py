"""Bad input on the command line: one paragraph, the exit code of its kind, nothing written."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.command_line import hptc, refused
from tests.conftest import Compiled
from tests.small_onnx import save_without_data, small_model, with_nan

Spoil = Callable[[Path], object]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder to compile into."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


MODELS: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "pipe": (os.mkfifo, "a pipe or device"),
    "text": (lambda path: path.write_text("no model"), "no complete ONNX model"),
    "empty": (lambda path: path.write_bytes(b""), "an empty file"),
    "truncated": (
        lambda path: path.write_bytes(small_model().SerializeToString()[:600]),
        "no complete ONNX model",
    ),
    "unknown": (lambda path: onnx.save(small_model(operation="Wibble"), path), "Wibble"),
    "foreign": (
        lambda path: onnx.save(small_model(operation="Wibble", domain="acme"), path),
        "acme.Wibble",
    ),
    "opset": (lambda path: onnx.save(small_model(opset=99), path), "opset 99"),
    "nan": (lambda path: onnx.save(with_nan(small_model()), path), "up.weight"),
    "data": (lambda path: save_without_data(small_model(), path), "data.bin"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_bad_model(kind: str, tmp_path: Path, work: Path) -> None:
    spoil, word = MODELS[kind]
    model = tmp_path / f"{kind}.onnx"
    spoil(model)
    refused(hptc("compile", model, "-o", work / "m.hptc", "--emit", "html"), 3, model.name, word)
    assert not list(work.iterdir())


OPTIONS = (
    (2, ["--phases", "nope"], "full, low, infer"),
    (2, ["--phases", "full,,low"], "--phases"),
    (2, ["--loss", "nope"], "mse, l1, huber, cross_entropy"),
    (2, ["--optimizer", "nope"], "sgd, adam, adamw, adafactor"),
    (2, ["--objective", "nope"], "latency"),
    (2, ["--output", "nope"], "one of y"),
    (2, ["--adapt", "nope"], "lora, lora-xs, vera, dense, fastfood"),
    (2, ["--adapt", "lora:d=4"], "for lora: r=POSITIVE INTEGER, alpha=POSITIVE NUMBER, match"),
    (2, ["--adapt", "lora-xs:init=qr"], "init=svd|random"),
    (2, ["--adapt", "fastfood:d=-1"], "d=POSITIVE INTEGER"),
    (2, ["--adapt", "lora:r=2,match=up;nope:r=2"], "found 'nope'"),
    (2, ["--adapt", "lora:r=2,match=up;"], "found ''"),
    (2, ["--adapt", "lora:r=0"], "r=0"),
    (2, ["--adapt", "lora:alpha=inf"], "alpha=inf"),
    (2, ["--adapt", "lora:match=nothing"], "up.weight"),
    (2, ["--train", "nothing"], "--train nothing"),
    (2, ["--frozen", "nothing"], "--frozen nothing"),
    (2, ["--train", "("], "regular expression"),
    (2, ["--frozen", "("], "regular expression"),
    (2, ["--time-limit", "0"], "--time-limit"),
    (2, ["--time-limit", "nan"], "--time-limit"),
    (2, ["--time-limit", "inf"], "--time-limit"),
    (2, ["--gap", "nan"], "--gap"),
    (2, ["--gap", "-1"], "--gap"),
    (2, ["--lr", "0"], "--lr"),
    (2, ["--lr", "inf"], "--lr"),
    (2, ["--seed", "-1"], "--seed"),
    (2, ["--seed", "99999999999"], "--seed"),
    (2, ["--steps", "full=0"], "full=0"),
    (2, ["--steps", "nope=1"], "nope"),
    (2, ["--shape", "batch=0"], "batch=0"),
    (2, ["--shape", "batch=2"], "batch"),
    (2, ["--emit", "nope"], "html, trace, ir"),
    (2, ["--emit", ""], "--emit"),
    (2, ["--dump-ir-after", "nope"], "tag-operands"),
    (2, ["--target", "full=gpu"], "low"),
    (3, ["--target", "nope"], "hybrid-stack"),
    (3, ["--target", "nope.toml"], "nope.toml"),
    (3, ["--set", "nope"], "devices.NAME.KEY=VALUE"),
    (3, ["--set", "devices.nope.rows=1"], "nope"),
    (3, ["--set", "devices.reram.nope=1"], "unknown key 'nope'"),
    (3, ["--set", "devices.reram.rows=many"], "rows"),
    (4, ["--target", "reram"], "while compiling the phase full"),
    (4, ["--target", "reram", "--set", "devices.reram.crossbars=1"], "device of the target"),
)


@pytest.mark.parametrize(("code", "options", "word"), OPTIONS)
def test_bad_option(code: int, options: list[str], word: str, work: Path, small_onnx: Path) -> None:
    refused(hptc("compile", small_onnx, "-o", work / "m.hptc", *options), code, word)
    assert not list(work.iterdir())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name = 'x\n[[", "TOML"),
        ("extends = 'hybrid'\nnope = 1\n", "unknown key 'nope'"),
        ("extends = 'gpu'\ndevices = 3\n", "devices"),
    ],
)
def test_bad_target_file(text: str, word: str, work: Path, small_onnx: Path) -> None:
    target = work / "own.toml"
    target.write_text(text)
    bundle = work / "m.hptc"
    refused(hptc("compile", small_onnx, "-o", bundle, "--target", target), 3, "own.toml", word)
    refused(hptc("target", "check", target), 3, "own.toml", word)
    assert list(work.iterdir()) == [target]


def test_outputs_that_cannot_be(work: Path, small_onnx: Path) -> None:
    refused(hptc("compile", small_onnx, "-o", work / "no" / "m.hptc"), 2, "no such folder")
    refused(hptc("compile", small_onnx, "-o", work), 2, "a folder")
    refused(hptc("compile", small_onnx, "-o", "/proc/m.hptc", "--phases", "infer"), 2, "/proc/m")
    assert not list(work.iterdir())


def _newer(path: Path) -> None:
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(entries["manifest.json"]) | {"schema_version": 99}
    entries["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, data in entries.items():
            new.writestr(name, data)


def _damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3000:3004] = b"XXXX"
    path.write_bytes(data)


BUNDLES: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda path: path.unlink(), "No such file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:2000]), "damaged"),
    "damaged": (_damage, "damaged"),
    "newer": (_newer, "upgrade hptc"),
}


@pytest.mark.parametrize("kind", BUNDLES)
def test_bad_bundle(kind: str, work: Path, small: Compiled, small_data: Path) -> None:
    bundle = work / "m.hptc"
    bundle.write_bytes(small.path.read_bytes())
    spoil, word = BUNDLES[kind]
    spoil(bundle)
    before = list(work.iterdir())
    for arguments in (("inspect",), ("run",), ("run", "--verify"), ("train", "--data", small_data)):
        refused(hptc(*arguments, bundle), 3, "m.hptc", word)
    assert list(work.iterdir()) == before


def test_bad_data(work: Path, small: Compiled, small_data: Path) -> None:
    wrong, partial, log = work / "wrong.npz", work / "partial.npz", work / "log.jsonl"
    np.savez(wrong, in_0=np.zeros((3, 9), np.float32), target=np.zeros((3, 8), np.float32))
    np.savez(partial, in_0=np.zeros((4, 8), np.float32))
    train = ("train", small.path, "--log", log, "--data")
    for command in (("run", small.path, "--inputs"), train):
        refused(hptc(*command, wrong), 3, "wrong.npz", "'in_0'", "[4, 8]", "[3, 9]")
        refused(hptc(*command, partial), 3, "partial.npz", "'target'")
        refused(hptc(*command, work / "no.npz"), 3, "no.npz", "No such file")
        refused(hptc(*command, small.path), 3, "small.hptc")
    for options in (("--switch", "at:x"), ("--lr", "nan"), ("--low-lr", "-1")):
        refused(hptc(*train, small_data, *options), 2, options[0].removeprefix("--low-"))
    refused(hptc(*train, small_data, "-o", log), 2, "another output")
    assert {path.name for path in work.iterdir()} == {"wrong.npz", "partial.npz"}


def test_run_options(small: Compiled) -> None:
    refused(hptc("run", small.path, "--phase", "nope"), 2, "full, low, infer")
    refused(hptc("run", small.path, "--numerics", "nope"), 2, "ideal")
    refused(hptc("run", small.path, "--verify", "--numerics", "device"), 2, "--verify")


def test_solve_problems(tmp_path: Path) -> None:
    problem = tmp_path / "problem.json"
    problem.write_text("{}")
    refused(hptc("solve", problem), 3, "problem.json")
    refused(hptc("solve", tmp_path / "no.json"), 3, "no.json")
    refused(hptc("solve", problem, "--time-limit", "nan"), 2, "--time-limit")
