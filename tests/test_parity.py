"""The targets compared with each other: what agrees passes, and what differs is told."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from symloss import catalogue
from symloss.cli import app
from symloss.verify.faces import open_module
from symloss.verify.oracle import Oracle
from symloss.verify.parity import compare
from tests import framework_speed, gpu
from tests.conftest import GENERATED
from tests.frameworks import FRAMEWORKS, rows_of

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
POINTS = 60


def modules(name, *targets):
    """The faces of generated modules."""
    return [open_module(FORMS[name], target, GENERATED / target / f"{name}.py") for target in targets]


def spoil(monkeypatch, module, function, change):
    """Let a module give other results for a function."""
    original = module.evaluator

    def evaluator(mode):
        evaluate = original(mode)

        def evaluated(batch, *functions):
            found = evaluate(batch, *functions)
            return {**found, function: change(found[function].copy())}

        return evaluated

    monkeypatch.setattr(module, "evaluator", evaluator)


def found_by_function(name, faces, dtype="float64"):
    """What the comparison says of every function."""
    return {item.function: item for item in compare(FORMS[name], faces, dtype, POINTS, Oracle(FORMS[name]))}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["huber", "binary_crossentropy_logits"])
def test_targets_agree(name, dtype):
    """NumPy, PyTorch and JAX, in both dtypes; the bound is the sum of both limits."""
    found = found_by_function(name, modules(name, "numpy", "torch", "jax"), dtype)
    for item in found.values():
        assert item.passed, list(item.failures())
        compiled = () if item.function == "hessian" else ("torch compiled",)  # it is not differentiated twice
        assert item.modes == ("numpy", "torch eager", *compiled, "jax jit")
        assert item.points > POINTS // 2
        assert item.bound in (8.0, 10.0, 12.0, 14.0, 16.0)
        assert item.difference <= item.bound


def test_entries_of_an_axis_agree():
    """Also of a loss that compares entries with each other."""
    found = found_by_function("ranknet", modules("ranknet", "numpy", "torch"))
    assert all(item.passed for item in found.values())


def test_what_a_compiler_alone_gets_wrong_is_told(tmp_path):
    """PyTorch's own expm1, which is right until it is compiled."""
    name = "binary_crossentropy_logits"
    text = (GENERATED / "torch" / f"{name}.py").read_text(encoding="utf-8")
    ours = "    if not torch.compiler.is_compiling():\n        return torch.expm1(x)\n"
    assert ours in text
    path = tmp_path / f"{name}.py"
    path.write_text(text.replace(ours, "    return torch.expm1(x)\n"), encoding="utf-8")
    found = found_by_function(name, [*modules(name, "numpy"), open_module(FORMS[name], "torch", path)], "float32")
    assert not found["gradient"].passed
    assert set(found["gradient"].spoiled) == {"torch compiled"}
    assert found["value"].passed


FAULTS = {
    "twenty units in the last place": (lambda numbers: numbers * (1 + 20 * 2.0**-52), False),
    "no number": (lambda numbers: np.where(np.arange(numbers.size).reshape(numbers.shape) == 7, np.nan, numbers), True),
    "a false zero": (lambda numbers: numbers * (np.arange(numbers.size).reshape(numbers.shape) % 9 != 0), True),
    "another sign": (np.negative, True),
}


@pytest.mark.parametrize("function", ["value", "gradient", "hessian"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_difference_is_told(fault, function, monkeypatch):
    """Of the function that differs alone, with the target that has it and the place."""
    change, is_spoiled = FAULTS[fault]
    faces = modules("binary_crossentropy_logits", "numpy", "torch")
    monkeypatch.setattr(faces[1], "compiled_modes", ())
    spoil(monkeypatch, faces[1], function, change)
    found = found_by_function("binary_crossentropy_logits", faces)
    assert [name for name, item in found.items() if not item.passed] == [function]
    item = found[function]
    assert bool(item.spoiled) == is_spoiled
    assert set(item.spoiled) <= {"torch eager"}
    assert item.between == ("numpy", "torch eager")
    told = " ".join(item.failures())
    assert f"binary_crossentropy_logits, {function}, float64: numpy has" in told
    assert "y_pred=" in told
    json.dumps(item.as_data())


def test_the_command_prints_every_function():
    """A table, or JSON; too few targets are refused."""
    line = ["verify", "--parity", "huber", "--out", str(GENERATED), "--points", "40", "--workers", "1"]
    done = CliRunner().invoke(app, [*line, "-t", "numpy,torch"])
    assert done.exit_code == 0, done.output
    assert "passed: 6 of 6 functions" in done.output
    assert "numpy and torch eager" in done.output
    done = CliRunner().invoke(app, [*line, "-t", "numpy,torch", "--json"])
    assert {item["function"] for item in json.loads(done.stdout)} == {"value", "gradient", "hessian"}
    done = CliRunner().invoke(app, [*line, "-t", "numpy"])
    assert done.exit_code != 0


def test_the_losses_of_a_framework_are_measured_beside_ours():
    """On the same points: PyTorch's own binary cross-entropy is far off where ours is good."""
    rows = list(rows_of("torch", "binary_crossentropy_logits", "float64", 400))
    assert [row.whose for row in rows] == ["its own"] * 3 + ["symloss"] * 3
    assert len({row.points for row in rows}) == 1
    own, ours = rows[:3], rows[3:]
    assert all(row.worst < 4 and row.over == row.none == row.zeros == row.signs == 0 for row in ours)
    assert all(row.worst > 1e6 and row.over > 0 for row in own)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_framework_of_the_table_is_measured(framework):
    """Its Huber loss is exact to a rounding, and so is ours."""
    for row in rows_of(framework, "huber", "float64", 60):
        assert row.worst < 2
        assert row.points > 10


@pytest.mark.parametrize(("framework", "mode"), [("torch", "eager"), ("optax", "jit"), ("keras", "eager")])
def test_the_race_with_a_framework_runs(framework, mode, monkeypatch):
    """So that it cannot rot: both agree, and are timed."""
    monkeypatch.setitem(framework_speed.MODES, framework, (mode,))
    for row in framework_speed.rows_of(framework, "huber", "float32", [1000], turns=1):
        assert row.mode == mode
        assert row.ratio > 0


def test_the_command_for_a_gpu_compares_with_numpy(monkeypatch):
    """Here on the processor; what is off is told."""
    assert list(gpu.differences(["huber", "ranknet"], "cpu")) == []
    value, gradient, product = gpu.with_numpy("huber")
    monkeypatch.setattr(gpu, "with_numpy", lambda name: (value, gradient * (1 + 1e-9), product))
    found = list(gpu.differences(["huber"], "cpu"))
    assert [line.rpartition(":")[0] for line in found] == [
        "huber, torch, float64, gradient",
        "huber, jax, float64, gradient",
    ]
