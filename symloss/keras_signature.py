"""The signature of the Keras function and class: the namesake's own arguments, in its order, then what is ours."""

from __future__ import annotations

import math
import re
from typing import Any

from symloss.declare import ExtraInput, KerasName, Loss, Parameter
from symloss.declare.domain import entries_of

_LAST = ("reduction", "name", "dtype")
_DOCUMENTED = {
    "from_logits": "whether y_pred holds logits instead of probabilities",
    "axis": "the axis of the entries of a sample",
    "ignore_class": "a label whose samples do not count, or None",
}


def function_values(loss: Loss, raw: Loss | None) -> dict[str, Any]:
    """What the template needs to write the function and the class."""
    keras = loss.keras if loss.composed is None or loss.prediction_only_raw else None
    parameters = {item.name: item for item in loss.parameters}
    switch = keras.switch if keras is not None else None
    fixed = dict(keras.fixed) if keras is not None else {}
    arguments = _constructor_order(loss, keras, raw, parameters)
    own = [name for name in arguments if name not in _LAST]
    defaults = {name: _default(name, parameters, keras, switch) for name in own}
    extras = [item.name for item in loss.extra_inputs]
    class_name = keras.name if keras is not None else camel(loss.name)
    instance = keras.instance or _snake(keras.name) if keras is not None else loss.name
    return {
        "class_name": class_name,
        "namesake": class_name if keras is not None else None,
        "signature": [*extras, *(f"{name}={defaults[name]}" for name in own)],
        "constructor": [
            *(f"{name}=None" for name in extras),
            *(_constructor_argument(name, defaults, instance) for name in arguments),
        ],
        "documented": [*_documented_extras(loss), *(_documented(name, parameters, switch) for name in own)],
        "parameters": [_tensor(item, keras, switch, fixed) for item in loss.parameters],
        "stored": [*(_stored_extra(name) for name in extras), *(_stored(name, parameters, keras) for name in own)],
        "forwarded": [f"{name}=self.{name}" for name in (*extras, *own)],
        "given": [f"{name}={name}" for name in (*extras, *own)],
        "passed": [f"{name}={name}" for name in (*extras, *(item.name for item in loss.parameters))],
        "extra_defaults": [f"{name}=None" for name in extras],
        "scaled": {"name": switch[0], "factor": repr(switch[2])} if switch else None,
        "has_axis": "axis" in own,
        "moves_axis": "axis" in own and not loss.is_elementwise,
        "ignores": "ignore_class" in own,
        "domains": [
            *(domain_entry(item) for item in loss.extra_inputs),
            *(domain_entry(item) for item in loss.parameters if item.name in own),
        ],
        "has_parameters": any(item.name in own for item in loss.parameters),
    }


def _constructor_order(
    loss: Loss, keras: KerasName | None, raw: Loss | None, parameters: dict[str, Parameter]
) -> list[str]:
    named = list(keras.arguments or _LAST) if keras is not None else []
    fixed = keras.fixed if keras is not None else {}
    if keras is not None and keras.switch:
        named = [name for name in named if name != keras.switch[0]]
        named.insert(0, keras.switch[0])
    late = [name for name in parameters if name not in named and name not in fixed]
    if not named:
        if len(loss.axes_of_data("y_pred")) == 1:
            late.append("axis")
        early = [name for name in late if name not in _GUARDS]
        return [*early, *_LAST, *(name for name in late if name in _GUARDS)]
    if raw is None:
        named = [name for name in named if name != "from_logits"]
    return [*named, *late]


_GUARDS = ("epsilon", "floor")


def _default(name: str, parameters: dict[str, Parameter], keras: KerasName | None, switch: Any) -> str:
    if switch and name == switch[0]:
        return "False"
    if name in parameters:
        given = keras.defaults.get(name) if keras is not None else None
        if given == "epsilon":
            return "None"
        return repr(float(parameters[name].default if given is None else given))
    return {"from_logits": "False", "axis": "-1", "ignore_class": "None"}[name]


def _constructor_argument(name: str, defaults: dict[str, str], instance: str) -> str:
    last = {"reduction": '"sum_over_batch_size"', "name": f'"{instance}"', "dtype": "None"}
    return f"{name}={last[name] if name in last else defaults[name]}"


def _documented(name: str, parameters: dict[str, Parameter], switch: Any) -> dict[str, str]:
    if switch and name == switch[0]:
        fixed = ", ".join(switch[1])
        return {"name": name, "meaning": f"whether {fixed} is used; if not, both classes weigh 1"}
    if name in parameters:
        item = parameters[name]
        meaning = f"{item.meaning}; in {item.domain}"
        return {"name": name, "meaning": meaning + ("; None is keras.config.epsilon()" if name in _GUARDS else "")}
    return {"name": name, "meaning": _DOCUMENTED[name]}


def _documented_extras(loss: Loss) -> list[dict[str, str]]:
    return [
        {"name": item.name, "meaning": f"{item.meaning}, in {item.domain}; broadcast over leading axes"}
        for item in loss.extra_inputs
    ]


def _tensor(item: Parameter, keras: KerasName | None, switch: Any, fixed: dict[str, float]) -> dict[str, str]:
    value = repr(fixed[item.name]) if item.name in fixed else _stored(item.name, {item.name: item}, keras)["code"]
    if switch and item.name in switch[1]:
        value = f"{value} if {switch[0]} else {switch[1][item.name]!r}"
    return {"name": item.name, "code": value}


def domain_entry(item: Parameter | ExtraInput) -> dict[str, str]:
    """The entry of the module's table of domains."""
    interval = entries_of(item.domain)
    ends = ", ".join(_float(end) for end in (interval.lower, interval.upper))
    return {"name": item.name, "code": f'({ends}, {interval.lower_open}, {interval.upper_open}, "{item.domain}")'}


def _float(end: float) -> str:
    if math.isinf(end):
        return 'float("inf")' if end > 0 else 'float("-inf")'
    return repr(end)


def _stored(name: str, parameters: dict[str, Parameter], keras: KerasName | None) -> dict[str, str]:
    code = f'_checked("{name}", {name})' if name in parameters else name
    if name in parameters and keras is not None and keras.defaults.get(name) == "epsilon":
        code = f'_checked("{name}", keras.config.epsilon() if {name} is None else {name})'
    return {"name": name, "code": code, "config": f"float(self.{name})" if name in parameters else f"self.{name}"}


def _stored_extra(name: str) -> dict[str, str]:
    return {"name": name, "code": f'_checked_input("{name}", {name})', "config": f"_as_list(self.{name})"}


def camel(name: str) -> str:
    """A name in the spelling of classes."""
    return "".join(part.capitalize() for part in name.split("_"))


def _snake(name: str) -> str:
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parts.lower()
