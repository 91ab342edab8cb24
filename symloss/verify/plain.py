"""TensorFlow's own autodiff of the declared formula, written out naively: an independent opinion at ordinary points."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from sympy.core.basic import Basic

from symloss.declare import Axis, ClassLabel, Delta, Element, Index, Loss, Norm, Total, clamp
from symloss.declare.binders import Binder
from symloss.verify.modules import arrays
from symloss.verify.oracle import Point


def plain_autodiff(loss: Loss, points: list[Point], tf: Any) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian diagonal of the formula as declared, by nested tapes."""
    gradients, hessians = [], []
    for point in points:
        y_true, y_pred, keywords = arrays(loss, [point])
        moving = tf.constant(np.atleast_1d(y_pred[0]))
        constants = {name: tf.constant(np.squeeze(value), tf.float64) for name, value in keywords.items()}
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(moving)
            with tf.GradientTape() as inner:
                inner.watch(moving)
                reading = _Reading(loss, np.atleast_1d(y_true[0]), moving, constants, tf)
                value = reading.evaluate(loss.full_expression)
            gradient = inner.gradient(value, moving, unconnected_gradients="zero")
            entries = tf.unstack(gradient)
        rows = [outer.gradient(entry, moving) for entry in entries]
        gradients.append(gradient.numpy())
        hessians.append([0.0 if row is None else float(row[place]) for place, row in enumerate(rows)])
    return np.array(gradients), np.array(hessians)


class _Reading:
    def __init__(self, loss: Loss, y_true: np.ndarray, y_pred: Any, constants: dict[str, Any], tf: Any) -> None:
        self.loss, self.tf, self.constants = loss, tf, constants
        self.true, self.pred = y_true, y_pred
        self.places: dict[str, int] = {}

    def evaluate(self, node: Basic) -> Any:
        """The value of a sub-expression as a scalar tensor."""
        tf = self.tf
        if isinstance(node, Axis):
            return tf.constant(float(self.pred.shape[0]), tf.float64)
        if isinstance(node, sympy.Symbol):
            return self._symbol(node.name)
        if isinstance(node, Element):
            return self._entry(node.data.name, self._place(node.index))
        if isinstance(node, Delta):
            same = self._place(node.args[0]) == self._place(node.args[1])
            return tf.constant(float(same), tf.float64)
        if isinstance(node, Binder):
            return self._binder(node)
        if isinstance(node, clamp):
            return self._clamp(node)
        if isinstance(node, sympy.Piecewise):
            return next(self.evaluate(branch.expr) for branch in node.args if self._holds(branch.cond))
        if isinstance(node, sympy.Expr) and node.is_number:
            return tf.constant(float(node), tf.float64)
        parts = [self.evaluate(argument) for argument in node.args]
        if isinstance(node, sympy.Mul) and any(self._is_fixed_zero(part) for part in node.args):
            return tf.constant(0.0, tf.float64)  # a label of 0 times a logarithm
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

    def _is_fixed_zero(self, node: Basic) -> bool:
        return not node.has(self.loss.pred_symbol) and float(self.evaluate(node)) == 0.0

    def _symbol(self, name: str) -> Any:
        return self._entry(name, 0) if name in ("y_true", "y_pred") else self.constants[name]

    def _entry(self, name: str, place: int) -> Any:
        return self.pred[place] if name == "y_pred" else self.tf.constant(float(self.true[place]), self.tf.float64)

    def _place(self, index: Basic) -> int:
        if isinstance(index, Index):
            return self.places[index.letter]
        assert isinstance(self.loss.y_true, ClassLabel)
        return int(self.true[0])

    def _binder(self, node: Binder) -> Any:
        outer, terms = dict(self.places), []
        for place in range(self.pred.shape[0]):
            self.places = {**outer, f"_{node.height}": place}
            terms.append(self.evaluate(node.args[0]))
        self.places = outer
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
