"""Faults are seeded into every emitted module; verification must catch each one. The number of survivors is zero."""

import inspect
import re
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from symloss import catalogue, pipeline
from symloss.declare import ClassLabel
from symloss.verify.checks import verify_module
from symloss.verify.examination import Examination
from tests.conftest import GENERATED

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}


@cache
def _examination(name):
    return Examination(FORMS[name])


def _edit_result(text, function, change):
    """Rewrite the expression that a kernel returns."""
    start = text.index(f"def _{function}(")
    end = text.index("\n\n\n", start)
    body = text[start:end]
    head, _, expression = body.rpartition("    return ")
    return text[:start] + head + "    return " + change(expression) + text[end:]


def _opposite_sign(text, function):
    return _edit_result(text, function, lambda result: f"-({result})")


def _factor_two(text, function):
    return _edit_result(text, function, lambda result: f"2 * ({result})")


def _slightly_off(text, function):
    return _edit_result(text, function, lambda result: f"1.0001 * ({result})")


def _lost_term(text, function):
    """Drop the last term of the last sum in the function; None where there is none."""
    start = text.index(f"def _{function}(")
    end = text.index("\n\n\n", start)
    body = text[start:end]
    lines = body.split("\n")
    for number in range(len(lines) - 1, 0, -1):
        sum_ = re.search(r"^(\s+(?:\w+ =|return) .*?[\w)\]]) [-+] [^=]*$", lines[number])
        step = re.search(r"^(.*np\.(?:add|subtract)\(\w+, )\w+(, out=.*)$", lines[number])
        if sum_ and ".. math" not in lines[number] and sum_.group(1).count("(") == sum_.group(1).count(")"):
            lines[number] = sum_.group(1)
        elif step:
            lines[number] = f"{step.group(1)}0{step.group(2)}"
        elif re.search(r"^\s+\w+ [-+]= ", lines[number]):
            del lines[number]
        else:
            continue
        return text[:start] + "\n".join(lines) + text[end:]
    return None


def _wrong_branch(text, function):
    """Swap a comparison; None where there is none."""
    start = text.index(f"def _{function}(")
    end = text.index("\n\n\n", start)
    body = text[start:end]
    for old, new in ((" <= ", " > "), (" < ", " >= ")):
        if old in body.split('"""')[-1]:
            head, quote, code = body.rpartition('"""')
            return text[:start] + head + quote + code.replace(old, new, 1) + text[end:]
    return None


def _frozen_parameters(text, name, target):
    """Every parameter keeps its default, one faulty module per parameter."""
    for item in FORMS[name].parameters:
        if target == "numpy":
            pattern = f'self.parameter("{item.name}", {item.name},'
            yield item.name, text.replace(pattern, f'self.parameter("{item.name}", {float(item.default)!r},')
        elif target == "torch":
            pattern = f'_number("{item.name}", {item.name}, y_pred)'
            yield item.name, text.replace(pattern, f"y_pred.new_full((), {float(item.default)!r})")
        elif f'_checked("{item.name}"' in text:
            frozen = f"    {item.name} = tf.constant({float(item.default)!r}, y_pred.dtype)\n"
            marker = "    if from_logits:\n" if "    if from_logits:\n" in text else "    losses = _differentiable("
            yield item.name, text.replace(marker, frozen + marker, 1)


MATHEMATICAL = {
    "opposite sign": _opposite_sign,
    "factor 2": _factor_two,
    "relative 1e-4": _slightly_off,
    "lost term": _lost_term,
    "wrong branch": _wrong_branch,
}
OF_TARGETS = {
    "numpy": {
        "ignored weight": (
            "self.sample_weight = None if sample_weight is None else self.weights(sample_weight)",
            "self.sample_weight = None",
        ),
        "sum for mean": ("total = total / self.count", "total = 1.0 * total"),
        "mean by count, not by weights": (
            "self.total = float(sample_weight.sum(dtype=np.float64))",
            "self.total = float(sample_weight.size)",
        ),
        "gradient of the sum for the mean": ('elif self.reduction == "mean":', "elif False:"),
        "weights squared": ("value = _weighted(value, weight)", "value = _weighted(value, weight * weight)"),
    },
    "tensorflow": {
        "ignored weight": (
            "    def call(self, y_true, y_pred):",
            "    def __call__(self, y_true, y_pred, sample_weight=None):\n        return super().__call__(y_true, y_pred)\n\n    def call(self, y_true, y_pred):",
        ),
        "wrong reduction": (
            "super().__init__(name=name, reduction=reduction, dtype=dtype)",
            'super().__init__(name=name, reduction="sum", dtype=dtype)',
        ),
        "gradient not passed on": ("* with_hessian(y_pred)", "* tf.stop_gradient(with_hessian(y_pred))"),
    },
    "torch": {
        "ignored weight": (
            "    if sample_weight is None:\n        return losses",
            "    if True:\n        return losses",
        ),
        "sum for mean": ('losses.mean() if reduction == "mean"', 'losses.sum() if reduction == "mean"'),
        "mean by count, not by weights": ("losses.sum() / weight.sum()", "losses.sum() / weight.numel()"),
        "weights squared": ("losses) * weight", "losses) * weight * weight"),
        "gradient not passed on": ("_slope(*ctx.saved_tensors)", "_slope(*ctx.saved_tensors).detach()"),
    },
}


def _is_zero(text, function):
    """A derivative that is zero everywhere has no sign and no factor."""
    start = text.index(f"def _{function}(")
    end = text.index("\n\n\n", start)
    zeros = ("full_like(y_pred, 0)", "zeros_like(y_pred) + 0.0", "zeros_like(y_pred) + 0\n", "return 0\n")
    return any(zero in text[start : end + 1] for zero in zeros)


def _same_numbers(original, changed, name):
    """Whether a seeded change changes nothing, such as swapping the branches of a symmetric product."""
    from symloss.verify.modules import load

    results = []
    for path in (original, changed):
        module = load(path)
        kernels = [
            getattr(module, f"_{part}", None) for part in ("value", "gradient", "hessian", "hessian_vector_product")
        ]
        with np.errstate(all="ignore"):  # as the public functions call them
            results.append([_kernel_result(kernel, name, path.parent.name) for kernel in kernels if kernel is not None])
    with np.errstate(invalid="ignore"):  # infinities are compared too
        return all(np.allclose(a, b, rtol=1e-12, atol=0, equal_nan=True) for a, b in zip(*results, strict=True))


def _kernel_result(kernel, name, target):
    from symloss.verify.modules import arrays

    points = [probe.point for probe in _examination(name).probes[:6]]
    y_true, y_pred, keywords = arrays(
        FORMS[name],
        [
            replace(
                point,
                constants={
                    **point.constants,
                    **{item.name: points[0].constants[item.name] for item in FORMS[name].parameters},
                },
            )
            for point in points
        ],
    )
    if isinstance(FORMS[name].y_true, ClassLabel):
        y_true = y_true[:, None]
    given = {
        "y_true": y_true,
        "y_pred": y_pred,
        "vector": np.linspace(-1, 2, y_pred.size).reshape(y_pred.shape),
        **{key: np.asarray(value)[()] for key, value in keywords.items()},
    }
    given = {key: value for key, value in given.items() if key in inspect.signature(kernel).parameters}
    if target == "tensorflow":
        import tensorflow as tf

        whole = "y_true" if isinstance(FORMS[name].y_true, ClassLabel) else ""
        given = {key: tf.constant(value, tf.int32 if key == whole else tf.float64) for key, value in given.items()}
    if target == "torch":
        import torch

        given = {key: torch.as_tensor(value) for key, value in given.items()}
    return np.asarray(kernel(**given))


def _faulty_modules(name, target):
    text = (GENERATED / target / f"{name}.py").read_text()
    functions = ("value", "gradient", "hessian")
    for function in functions:
        curvature = function == "hessian" and target != "numpy" and not FORMS[name].is_elementwise
        kernel = "hessian_vector_product" if curvature else function
        if _is_zero(text, kernel):
            continue
        for fault, seed in MATHEMATICAL.items():
            changed = seed(text, kernel)
            if changed is not None:
                yield f"{kernel}: {fault}", changed
    for parameter, changed in _frozen_parameters(text, name, target):
        yield f"frozen {parameter}", changed
    for fault, (old, new) in OF_TARGETS[target].items():
        if fault == "gradient not passed on" and _is_zero(text, "hessian"):
            continue
        if fault == "gradient not passed on" and "_hessian_vector_product" in text and "_hessian(" not in text:
            continue
        yield fault, text.replace(old, new) if target == "numpy" else text.replace(old, new, 1)


# Of the losses that compare entries, whose truths take long, one for pairs and one in sorted order.
COMPARED = ("ranknet", "listmle")
SEEDED = sorted(name for name, form in FORMS.items() if pipeline.is_measurable(form, "tensorflow") or name in COMPARED)


# Of those that PyTorch is examined with, one of each kind: what computes is emitted as for TensorFlow.
IN_TORCH = (
    "huber",
    "focal_binary",
    "sparse_categorical_crossentropy_logits",
    "cosine_similarity",
    "tweedie",
    "listmle",
)


@pytest.mark.parametrize(
    ("form_name", "target"),
    [*product(SEEDED, ("numpy", "tensorflow")), *((name, "torch") for name in IN_TORCH)],
)
def test_no_fault_survives(form_name, target, tmp_path):
    """Sign, factor 2, lost term, wrong branch, frozen parameter, 1e-4, ignored weight, wrong reduction."""
    original = (GENERATED / target / f"{form_name}.py").read_text()
    survivors, seeded = [], 0
    for number, (fault, text) in enumerate(_faulty_modules(form_name, target)):
        assert text != original, f"{fault} was not seeded"
        path = tmp_path / target / f"{form_name}_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace('package="symloss"', f'package="faulty{number}"'))
        report = verify_module(_examination(form_name), target, path, until_failure=True)
        seeded += 1
        if report.passed and not _same_numbers(GENERATED / target / f"{form_name}.py", path, form_name):
            survivors.append(fault)

    assert survivors == []
    assert seeded >= 8


@pytest.mark.parametrize(("seed", "cause"), [(_opposite_sign, "opposite sign"), (_factor_two, "constant factor 2")])
def test_the_cause_is_named(seed, cause, tmp_path):
    """The report says what is plain from the numbers."""
    text = (GENERATED / "numpy" / "squared_error.py").read_text()
    path = tmp_path / "squared_error.py"
    path.write_text(seed(text, "gradient"))
    report = verify_module(_examination("squared_error"), "numpy", path)
    first = next(failure for failure in report.failures if failure.function == "gradient")
    assert first.cause == cause
    assert "squared_error [numpy] gradient" in str(first)
    assert "y_true=" in str(first)
