"""Checks emitted functions against the declaration, and believes nobody in between.

Knows :mod:`symloss.declare` and the emitted functions; shares no code with the compiler. Truth comes from
multi-precision arithmetic on the declared formula, from the framework's own autodiff of the plain formula, and from
finite differences of the emitted functions.
"""
