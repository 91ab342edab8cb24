"""What the tests of PyTorch and JAX say on a GPU: ``python -m tests.gpu``, apart from the suite, which needs none.

Value, gradient and Hessian times a vector of every loss, computed there, against the NumPy module, in both dtypes; then
the race with the frameworks' own losses there (``python -m tests.framework_speed --device cuda``). Exits with 1 where
numbers differ, with 2 where there is no GPU. ``--device cpu`` shows what it does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from symloss.torch_signature import torch_name
from tests.conftest import load
from tests.frameworks import FORMS
from tests.test_numpy_modules import _batch

# Largest difference from NumPy in float64, over the largest entry: sums of other orders, and functions of other libraries.
TOLERANCES = {"float64": 1e-11, "float32": 2e-4}
Results = tuple[np.ndarray, np.ndarray, np.ndarray]


def data_of(name: str, dtype: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any], np.ndarray]:
    """Targets, predictions, the other arguments and a vector, which float32 holds exactly."""
    y_true, y_pred, keywords = _batch(name, (5,))

    def rounded(item: Any) -> Any:
        is_real = isinstance(item, np.ndarray) and item.dtype.kind == "f"
        return item.astype(np.float32).astype(dtype) if is_real else item

    vector = np.random.default_rng(1).normal(size=y_pred.shape)
    return rounded(y_true), rounded(y_pred), {key: rounded(item) for key, item in keywords.items()}, rounded(vector)


def with_numpy(name: str) -> Results:
    """What the others are held to."""
    y_true, y_pred, keywords, vector = data_of(name, "float64")
    module, given = load("numpy", name), {**keywords, "reduction": "sum"}
    if hasattr(module, "hessian_vector_product"):
        product = module.hessian_vector_product(y_true, y_pred, vector, **given)
    else:
        product = vector * module.hessian(y_true, y_pred, **given)
    return np.asarray(module.loss(y_true, y_pred, **given)), module.gradient(y_true, y_pred, **given), product


def with_torch(name: str, dtype: str, device: str) -> Results:
    """The same by PyTorch's differentiation on a device."""
    import torch

    y_true, y_pred, keywords, vector = data_of(name, dtype)
    true, pred, along = (torch.from_numpy(item).to(device) for item in (y_true, y_pred, vector))
    given = {
        key: torch.from_numpy(item).to(device) if isinstance(item, np.ndarray) else item
        for key, item in keywords.items()
    }
    if torch_name(FORMS[name]).dim != -1:
        given["dim"] = -1
    pred.requires_grad_()
    value = getattr(load("torch", name), torch_name(FORMS[name]).function)(pred, true, reduction="sum", **given)
    [gradient] = torch.autograd.grad(value, pred, create_graph=True)
    [product] = torch.autograd.grad(gradient, pred, along)
    return tuple(item.detach().cpu().numpy() for item in (value, gradient, product))  # type: ignore[return-value]


def with_jax(name: str, dtype: str, device: str) -> Results:
    """The same by JAX's transforms, compiled for a device."""
    import jax

    y_true, y_pred, keywords, vector = data_of(name, dtype)
    function = getattr(load("jax", name), name)
    with jax.enable_x64(True), jax.default_device(jax.devices(device)[0]):

        def total(moving: Any) -> Any:
            return function(y_true, moving, reduction="sum", **keywords)

        def both(moving: Any, along: Any) -> Any:
            return total(moving), *jax.jvp(jax.grad(total), (moving,), (along,))

        return tuple(map(np.asarray, jax.jit(both)(y_pred, vector)))  # type: ignore[return-value]


def differences(names: list[str], device: str) -> Iterator[str]:
    """A sentence for everything that is off."""
    for name in names:
        wanted = with_numpy(name)
        for framework, compute in (("torch", with_torch), ("jax", with_jax)):
            for dtype, tolerance in TOLERANCES.items():
                found = compute(name, dtype, {"cuda": "gpu"}.get(device, device) if framework == "jax" else device)
                for what, one, other in zip(("value", "gradient", "product"), found, wanted, strict=True):
                    scale = max(np.abs(other).max(initial=0.0), 1.0 if what == "product" else 0.0, 1e-30)
                    apart = float(np.abs(one.astype(np.float64) - other).max(initial=0.0) / scale)
                    if not apart <= tolerance:
                        yield f"{name}, {framework}, {dtype}, {what}: {apart:.3g} from NumPy, relative to the largest entry"


def has_gpu() -> bool:
    """Whether PyTorch and JAX see one."""
    import jax
    import torch

    return torch.cuda.is_available() and any(device.platform == "gpu" for device in jax.devices())


def main() -> None:
    """Compare, race, say what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("losses", nargs="*", help="names (default: all)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="default: %(default)s")
    parser.add_argument("--no-race", action="store_true", help="compare numbers alone")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.losses) - set(FORMS)):
        parser.error(f"there is no loss {', '.join(unknown)}")
    if arguments.device == "cuda" and not has_gpu():
        sys.stderr.write("no GPU: PyTorch and JAX have to see one both; --device cpu shows what this does\n")
        sys.exit(2)
    names = arguments.losses or sorted(FORMS)
    found = list(differences(names, arguments.device))
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{len(names)} losses on {arguments.device}: {len(found)} differences\n")
    if not arguments.no_race:
        from tests.framework_speed import main as race

        sys.argv = ["tests.framework_speed", "torch", "optax", "--device", arguments.device]
        race()
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
