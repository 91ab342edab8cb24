"""The signature of the PyTorch function and class: those of the namesake, then what is ours."""

from __future__ import annotations

from typing import Any

from symloss.declare import Loss, TorchName
from symloss.keras_signature import camel

_MEANINGS = {
    "reduction": '"mean" (divided by the sum of the weights), "sum" or "none"',
    "dim": "the dimension of the entries of a sample",
    "ignore_index": "a label whose samples do not count",
}


def torch_name(loss: Loss) -> TorchName:
    """What the generated form of a loss is called in PyTorch, and what it stands in for."""
    given = loss.torch or TorchName()
    named = given if loss.composed is None else (given.raw or TorchName())
    return named if named.name else TorchName(f"{camel(loss.name)}Loss", loss.name, dim=named.dim)


def torch_values(loss: Loss) -> dict[str, Any]:
    """What the template needs to write the function and the class."""
    named = torch_name(loss)
    defaults = {item.name: repr(float(item.default)) for item in loss.parameters}
    if len(loss.axes_of_data("y_pred")) == 1:
        defaults["dim"] = str(named.dim)
    if named.ignores:
        defaults["ignore_index"] = "-100"
    defaults["reduction"] = '"mean"'
    by_place = list(named.arguments)
    by_name = [name for name in defaults if name not in by_place]
    spelled = [f"{name}={defaults[name]}" for name in by_place]
    keywords = [f"{name}={defaults[name]}" for name in by_name]
    meanings = {item.name: f"{item.meaning}; in {item.domain}, a number or a tensor" for item in loss.parameters}
    documented = [{"name": name, "meaning": {**meanings, **_MEANINGS}[name]} for name in (*by_place, *by_name)]
    extras = [
        {"name": item.name, "meaning": f"{item.meaning}, in {item.domain}; a number or a tensor"}
        for item in loss.extra_inputs
    ]
    return {
        "function": named.function,
        "class_name": named.name,
        "namesake": named.name if loss.torch is not None and named in (loss.torch, loss.torch.raw) else None,
        "signature": [*spelled, "*", *keywords, "sample_weight=None"],
        "constructor": [*spelled, *(["*"] if keywords else []), *keywords],
        "documented": [*extras, *documented],
        "stored": documented,
        "shown": [f'"{item["name"]}": self.{item["name"]}' for item in documented],
        "forwarded": [*(f"{item['name']}=self.{item['name']}" for item in documented), "sample_weight=sample_weight"],
        "ignores": named.ignores,
    }
