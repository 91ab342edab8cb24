"""An independent reading of declared formulas: dense loops over places, numbers that carry first and second derivatives.

It knows the declaration's nodes and ordinary SymPy, and nothing of the compiler.
"""

from __future__ import annotations

import math

import numpy as np
import sympy

from symloss.declare import Axis, Bracket, Delta, Element, Index, Norm, Total, ratio, stop_gradient
from symloss.declare.binders import Largest, Restricted
from symloss.declare.nodes import Apart

RELATIONS = {
    sympy.Eq: lambda a, b: a == b,
    sympy.Ne: lambda a, b: a != b,
    sympy.StrictLessThan: lambda a, b: a < b,
    sympy.LessThan: lambda a, b: a <= b,
}


class Jet:
    """A number with its gradient and Hessian in the entries of y_pred."""

    def __init__(self, value, gradient, hessian):
        self.value, self.gradient, self.hessian = value, gradient, hessian

    def through(self, value, slope, curvature):
        """A function of this number, by its derivatives here."""
        outer = np.multiply.outer(self.gradient, self.gradient)
        return Jet(value, slope * self.gradient, slope * self.hessian + curvature * outer)

    def __add__(self, other):
        return Jet(self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian)

    def __mul__(self, other):
        cross = np.multiply.outer(self.gradient, other.gradient)
        hessian = self.value * other.hessian + other.value * self.hessian + cross + cross.T
        return Jet(self.value * other.value, self.value * other.gradient + other.value * self.gradient, hessian)


class Reading:
    """Evaluates expressions for given arrays; ``size`` is the number of entries of y_pred."""

    def __init__(self, arrays, sizes):
        self.arrays, self.sizes = arrays, sizes
        self.shape = np.shape(arrays["y_pred"])
        self.size = int(np.prod(self.shape))

    def number(self, value):
        return Jet(float(value), np.zeros(self.size), np.zeros((self.size, self.size)))

    def entry(self, name, place):
        jet = self.number(self.arrays[name][place])
        if name == "y_pred":
            jet.gradient[np.ravel_multi_index(place, self.shape)] = 1.0
        return jet

    def place(self, index, places):
        return places[index] if isinstance(index, Index) else int(self.read(index, places).value)

    def read(self, node, places):
        match node:
            case Axis():
                return self.number(self.sizes[node.name])
            case Index():
                return self.number(places[node])
            case Element():
                return self.entry(node.data.name, tuple(self.place(index, places) for index in node.indices))
            case sympy.Symbol():
                return self.number(self.arrays[node.name])
            case Delta() | Apart():
                left, right = (self.place(index, places) for index in node.args)
                return self.number((left == right) == isinstance(node, Delta))
            case Bracket():
                return self.number(self.holds(node.condition, places))
            case stop_gradient():
                return self.number(self.read(node.args[0], places).value)
            case Total() | Largest() | Norm():
                return self.over(node, places)
        if node.is_number:
            return self.number(node)
        if isinstance(node, sympy.Mul):
            return self.product(node, places)
        parts = [self.read(argument, places) for argument in node.args]
        match node:
            case sympy.Add():
                return sum(parts[1:], parts[0])
            case ratio():
                top, bottom = parts
                return self.number(0) if bottom.value == 0 else top * power(bottom, -1)
            case sympy.Pow():
                return power(parts[0], float(node.args[1]))
            case sympy.Max() | sympy.Min():
                pick = max if isinstance(node, sympy.Max) else min
                return pick(parts, key=lambda part: part.value)
        return FUNCTIONS[type(node)](parts[0])

    def holds(self, condition, places):
        if isinstance(condition, sympy.And | sympy.Or):
            parts = [self.holds(part, places) for part in condition.args]
            return all(parts) if isinstance(condition, sympy.And) else any(parts)
        return RELATIONS[type(condition)](*(self.read(side, places).value for side in condition.args))

    def product(self, node, places):
        marks = [factor for factor in node.args if isinstance(factor, Delta | Apart | Bracket)]
        if any(self.read(mark, places).value == 0 for mark in marks):
            return self.number(0)
        result = self.number(1)
        for factor in node.args:
            result = result * self.read(factor, places)
        return result

    def over(self, node, places):
        bound = node.axis.index(f"_{node.height}")
        parts = []
        for place in range(self.sizes[node.axis.name]):
            there = {**places, bound: place}
            flag, body = node.args[0].args if isinstance(node.args[0], Restricted) else (sympy.Integer(1), node.args[0])
            if self.read(flag, there).value == 1:
                parts.append(self.read(body, there))
        if isinstance(node, Largest):
            return max(parts, key=lambda part: part.value) if parts else self.number(-math.inf)
        if isinstance(node, Norm):
            return power(sum((part * part for part in parts), self.number(0)), 0.5)
        return sum(parts, self.number(0))


def power(base, exponent):
    x = base.value
    return base.through(x**exponent, exponent * x ** (exponent - 1), exponent * (exponent - 1) * x ** (exponent - 2))


def exponential(x):
    value = math.exp(x.value)
    return x.through(value, value, value)


def logarithm(x):
    if x.value == 0:
        return x.through(-math.inf, 0.0, 0.0)
    return x.through(math.log(x.value), 1 / x.value, -1 / x.value**2)


def tangent_h(x):
    value = math.tanh(x.value)
    return x.through(value, 1 - value**2, -2 * value * (1 - value**2))


def absolute(x):
    return x.through(abs(x.value), math.copysign(1.0, x.value) if x.value else 0.0, 0.0)


FUNCTIONS = {sympy.exp: exponential, sympy.log: logarithm, sympy.tanh: tangent_h, sympy.Abs: absolute}
