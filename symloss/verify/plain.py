"""TensorFlow's own autodiff of the declared formula, written out naively: an independent opinion at ordinary points."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from sympy.core.basic import Basic

from symloss.declare import Axis, Bracket, Delta, Element, Index, Loss, Norm, Total, clamp, ratio, stop_gradient
from symloss.declare.binders import Binder, Largest, Restricted
from symloss.declare.nodes import Apart, Mark
from symloss.verify.modules import arrays
from symloss.verify.oracle import Point, summed_over_rows


def plain_autodiff(loss: Loss, points: list[Point], tf: Any) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian diagonal of the formula as declared, by nested tapes."""
    gradients, hessians = [], []
    for point in points:
        y_true, y_pred, keywords = arrays(loss, [point])
        moving = tf.constant(np.ravel(y_pred[0]))
        constants = {name: _constant(loss, name, value, tf) for name, value in keywords.items()}
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(moving)
            with tf.GradientTape() as inner:
                inner.watch(moving)
                axes = {*loss.full_expression.atoms(Axis), *loss.axes_of_data("y_pred")}
                sizes = point.sizes or tuple((axis.name, moving.shape[0]) for axis in axes)
                reading = _Reading(loss, np.ravel(y_true[0]), moving, constants, tf, dict(sizes))
                value = reading.evaluate(summed_over_rows(loss))
            gradient = inner.gradient(value, moving, unconnected_gradients="zero")
            entries = tf.unstack(gradient)
        rows = [outer.gradient(entry, moving) for entry in entries]
        gradients.append(gradient.numpy())
        hessians.append([0.0 if row is None else float(row[place]) for place, row in enumerate(rows)])
    return np.array(gradients), np.array(hessians)


def _constant(loss: Loss, name: str, value: Any, tf: Any) -> Any:
    """A parameter or an extra input of one sample as a tensor, its entries in a row."""
    is_array = bool(loss.axes_of_data(name))
    return tf.constant(np.ravel(value) if is_array else np.squeeze(value), tf.float64)


class _Reading:
    def __init__(
        self,
        loss: Loss,
        y_true: np.ndarray,
        y_pred: Any,
        constants: dict[str, Any],
        tf: Any,
        sizes: dict[str, int],
    ) -> None:
        self.loss, self.tf, self.constants, self.sizes = loss, tf, constants, sizes
        self.true, self.pred = y_true, y_pred
        self.places: dict[Index, int] = {}

    def evaluate(self, node: Basic) -> Any:
        """The value of a sub-expression as a scalar tensor."""
        tf = self.tf
        if isinstance(node, Axis):
            return tf.constant(float(self.sizes[node.name]), tf.float64)
        if isinstance(node, sympy.Symbol):
            return self._symbol(node.name)
        if isinstance(node, Index):
            return tf.constant(float(self.places[node]), tf.float64)
        if isinstance(node, Element):
            return self._entry(node.data.name, self._offset(node))
        if isinstance(node, Delta | Apart):
            same = self._place(node.args[0]) == self._place(node.args[1])
            return tf.constant(float(same == isinstance(node, Delta)), tf.float64)
        if isinstance(node, Bracket):
            return tf.constant(float(self._holds(node.condition)), tf.float64)
        if isinstance(node, stop_gradient):
            return tf.stop_gradient(self.evaluate(node.args[0]))
        if isinstance(node, ratio):
            return self._ratio(node)
        if isinstance(node, Binder):
            return self._binder(node)
        if isinstance(node, clamp):
            return self._clamp(node)
        if isinstance(node, sympy.Piecewise):
            return next(self.evaluate(branch.expr) for branch in node.args if self._holds(branch.cond))
        if isinstance(node, sympy.Expr) and node.is_number:
            return tf.constant(float(node), tf.float64)
        if isinstance(node, sympy.Mul) and any(self._is_fixed_zero(part) for part in node.args):
            return tf.constant(0.0, tf.float64)  # a label of 0 times a logarithm
        parts = [self.evaluate(argument) for argument in node.args]
        match node:
            case sympy.Add():
                return tf.add_n(parts)
            case sympy.Mul():
                return tf.reduce_prod(tf.stack(parts)) if len(parts) > 2 else parts[0] * parts[1]
            case sympy.Pow() if node.args[0] == sympy.E:
                return tf.exp(parts[1])
            case sympy.Pow() if node.args[1].is_Integer:
                return _integer_power(parts[0], int(node.args[1]), tf)
            case sympy.Pow():
                return tf.pow(*parts)
            case sympy.Max():
                return tf.reduce_max(tf.stack(parts))
            case sympy.Min():
                return tf.reduce_min(tf.stack(parts))
            case sympy.Heaviside():
                return (1.0 + tf.sign(parts[0])) / 2.0
            case sympy.sech():
                return 1.0 / tf.cosh(parts[0])
        return getattr(tf.math, _NAMES[type(node).__name__])(parts[0])

    def _clamp(self, node: clamp) -> Any:
        """Limited in value, not in slope."""
        inner, lower, upper = node.args
        value = self.evaluate(inner)
        limited = value
        if lower.is_finite is not False:
            limited = self.tf.maximum(limited, self.evaluate(lower))
        if upper.is_finite is not False:
            limited = self.tf.minimum(limited, self.evaluate(upper))
        return value + self.tf.stop_gradient(limited - value)

    def _ratio(self, node: ratio) -> Any:
        below = self.evaluate(node.args[1])
        if float(below) == 0:
            return self.tf.constant(0.0, self.tf.float64)
        return self.evaluate(node.args[0]) / below

    def _is_fixed_zero(self, node: Basic) -> bool:
        if isinstance(node, Mark):
            return float(self.evaluate(node)) == 0.0
        return not node.has(self.loss.pred_symbol) and float(self.evaluate(node)) == 0.0

    def _symbol(self, name: str) -> Any:
        return self._entry(name, 0) if name in ("y_true", "y_pred") else self.constants[name]

    def _entry(self, name: str, place: int) -> Any:
        if name == "y_pred":
            return self.pred[place]
        if name == "y_true":
            return self.tf.constant(float(self.true[place]), self.tf.float64)
        return self.constants[name][place]

    def _place(self, index: Basic) -> int:
        return self.places[index] if isinstance(index, Index) else int(self.evaluate(index))

    def _offset(self, entry: Element) -> int:
        offset = 0
        for index, axis in zip(entry.indices, self.loss.axes_of_data(entry.data.name), strict=True):
            offset = offset * self.sizes[axis.name] + self._place(index)
        return offset

    def _binder(self, node: Binder) -> Any:
        outer, terms = dict(self.places), []
        bound, body = node.axis.index(f"_{node.height}"), node.args[0]
        for place in range(self.sizes[node.axis.name]):
            self.places = {**outer, bound: place}
            flag, inner = body.args if isinstance(body, Restricted) else (sympy.Integer(1), body)
            if float(self.evaluate(flag)) == 1:
                terms.append(self.evaluate(inner))
        self.places = outer
        if isinstance(node, Largest):
            return self.tf.reduce_max(self.tf.stack(terms))
        if isinstance(node, Norm):
            return self.tf.sqrt(self.tf.add_n([term * term for term in terms]))
        assert isinstance(node, Total)
        return self.tf.add_n(terms)

    def _holds(self, condition: Basic) -> bool:
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, sympy.core.relational.Relational):
            left, right = (float(self.evaluate(side)) for side in condition.args)
            return bool(condition.func(left, right))
        parts = [self._holds(argument) for argument in condition.args]
        if isinstance(condition, sympy.And):
            return all(parts)
        return any(parts) if isinstance(condition, sympy.Or) else not parts[0]


def _integer_power(base: Any, exponent: int, tf: Any) -> Any:
    """Products, because the derivative of pow in its exponent is undefined for a negative base."""
    result = tf.ones_like(base)
    for _ in range(abs(exponent)):
        result = result * base
    return 1.0 / result if exponent < 0 else result


_NAMES = {
    "exp": "exp",
    "log": "log",
    "cosh": "cosh",
    "sinh": "sinh",
    "tanh": "tanh",
    "Abs": "abs",
    "sign": "sign",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "erf": "erf",
    "erfc": "erfc",
    "loggamma": "lgamma",
    "digamma": "digamma",
}
